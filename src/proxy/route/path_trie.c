/*
 * path_trie.c - routes by the segments of their paths.
 */
#include "proxy/route/path_trie.h"

#include "base/mem.h"

enum { FIRST_SLOTS = 64, BLOCK_LINES = 64 };

void
path_trie_init(struct path_trie *t, struct arena *arena)
{
	*t = (struct path_trie){ .arena = arena };
}

void
path_trie_fini(struct path_trie *t)
{
	mem_free(t->slots);
	*t = (struct path_trie){ .arena = NULL };
}

static struct str
segment_of(const struct path_node *node)
{
	return str_make((const char *)(node + 1), node->length);
}

/* The slot of a child: its own, or the free one where it belongs. */
static struct path_slot *
find_slot(const struct path_trie *t, const struct path_node *parent, struct str segment,
    uint32_t hash)
{
	size_t i = hash & (t->nslots - 1);

	for (;; i = (i + 1) & (t->nslots - 1)) {
		struct path_slot *s = &t->slots[i];

		if (s->node == NULL || (s->hash == hash && s->node->parent == parent &&
		    str_eq(segment_of(s->node), segment)))
			return s;
	}
}

static uint32_t
edge_hash(const struct path_node *parent, struct str segment)
{
	return (uint32_t)str_hash(segment, (uintptr_t)parent);
}

static void
grow(struct path_trie *t)
{
	struct path_slot *old = t->slots;
	size_t nold = t->nslots;

	t->nslots = nold > 0 ? nold * 2 : FIRST_SLOTS;
	t->slots = mem_zalloc(t->nslots, sizeof(t->slots[0]));
	for (size_t i = 0; i < nold; i++)
		if (old[i].node != NULL)
			*find_slot(t, old[i].node->parent, segment_of(old[i].node),
			    old[i].hash) = old[i];
	mem_free(old);
}

/* Zeroed memory of its own cache lines. */
static void *
take_lines(struct path_trie *t, size_t n)
{
	char *p;

	n = (n + MEM_LINE - 1) & ~(size_t)(MEM_LINE - 1);
	if (t->room < n) {
		t->room = n > BLOCK_LINES * MEM_LINE ? n : BLOCK_LINES * MEM_LINE;
		p = arena_zalloc(t->arena, t->room + MEM_LINE - 1);
		t->lines = p + (-(uintptr_t)p & (MEM_LINE - 1));
	}
	p = t->lines;
	t->lines += n;
	t->room -= n;
	return p;
}

static struct path_node *
add_child(struct path_trie *t, struct path_node *parent, struct str segment)
{
	uint32_t hash = edge_hash(parent, segment);
	struct path_slot *slot;
	struct path_node *node;

	if (t->count * 2 >= t->nslots)
		grow(t);
	slot = find_slot(t, parent, segment, hash);
	if (slot->node != NULL)
		return slot->node;
	node = take_lines(t, sizeof(*node) + segment.n);
	node->parent = parent;
	node->length = (uint32_t)segment.n;
	memcpy(node + 1, segment.p, segment.n);
	parent->has_children = true;
	*slot = (struct path_slot){ node, hash };
	t->count++;
	return node;
}

struct path_node *
path_trie_add(struct path_trie *t, struct path_node *root, struct str path)
{
	struct path_node *node = root;
	struct str segment;

	if (path.n == 0)
		return root;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);)
		node = add_child(t, node, segment);
	return node;
}

const struct path_node *
path_trie_walk(const struct path_trie *t, const struct path_node *root, struct str path,
    bool *whole)
{
	const struct path_node *node = root;
	struct str segment;

	*whole = false;
	if (path.n == 0 || path.p[0] != '/')
		return root;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);) {
		const struct path_node *child = NULL;

		if (node->has_children)
			child = find_slot(t, node, segment, edge_hash(node, segment))->node;
		if (child == NULL)
			return node;
		node = child;
	}
	*whole = true;
	return node;
}
