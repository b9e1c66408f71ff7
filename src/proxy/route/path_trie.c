/*
 * path_trie.c - routes by the segments of their paths.
 *
 * Parents are told by number: roots first, then the slots of the table.
 */
#include "proxy/route/path_trie.h"

#include "base/check.h"

_Static_assert(sizeof(struct path_node) == MEM_LINE, "a node is one line");

void
path_trie_init(struct path_trie *t, uint32_t nroots, size_t most, struct arena *arena)
{
	size_t n = 1;

	while (n < most * 2)
		n *= 2;
	CHECK(n < UINT32_MAX - nroots);
	*t = (struct path_trie){
		.nodes = mem_zalloc_lines(n, sizeof(t->nodes[0])),
		.nslots = n,
		.nroots = nroots,
		.arena = arena,
	};
}

void
path_trie_fini(struct path_trie *t)
{
	mem_free(t->nodes);
	*t = (struct path_trie){ .nodes = NULL };
}

static uint32_t
number_of(const struct path_trie *t, const struct path_node *node)
{
	return t->nroots + (uint32_t)(node - t->nodes);
}

const struct path_node *
path_trie_parent(const struct path_trie *t, const struct path_node *node)
{
	return node->parent < t->nroots ? NULL : &t->nodes[node->parent - t->nroots];
}

static bool
is_child(const struct path_node *node, uint32_t parent, struct str segment, uint32_t hash)
{
	const char *text = segment.n > PATH_NODE_TEXT ? node->segment.p : node->segment.text;

	return node->hash == hash && node->parent == parent && node->length == segment.n &&
	    memcmp(text, segment.p, segment.n) == 0;
}

/* The slot of a child: its own, or the free one where it belongs. */
static struct path_node *
find_slot(const struct path_trie *t, uint32_t parent, struct str segment, uint32_t hash)
{
	size_t i = hash & (t->nslots - 1);

	while (t->nodes[i].used && !is_child(&t->nodes[i], parent, segment, hash))
		i = (i + 1) & (t->nslots - 1);
	return &t->nodes[i];
}

static uint32_t
edge_hash(uint32_t parent, struct str segment)
{
	return (uint32_t)str_hash(segment, parent);
}

static struct path_node *
add_child(struct path_trie *t, uint32_t parent, struct str segment)
{
	uint32_t hash = edge_hash(parent, segment);
	struct path_node *node = find_slot(t, parent, segment, hash);

	if (node->used)
		return node;
	node->used = true;
	node->parent = parent;
	node->hash = hash;
	node->length = (uint32_t)segment.n;
	if (segment.n > PATH_NODE_TEXT)
		node->segment.p = arena_str(t->arena, segment).p;
	else
		memcpy(node->segment.text, segment.p, segment.n);
	if (parent >= t->nroots)
		t->nodes[parent - t->nroots].has_children = true;
	return node;
}

size_t
path_trie_depth(struct str path)
{
	size_t n = 0;

	for (size_t i = 0; i < path.n; i++)
		n += path.p[i] == '/';
	return n;
}

struct path_node *
path_trie_add(struct path_trie *t, uint32_t root, struct str path)
{
	struct path_node *node = NULL;
	uint32_t parent = root;
	struct str segment;

	if (path.n == 0)
		return NULL;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);) {
		node = add_child(t, parent, segment);
		parent = number_of(t, node);
	}
	return node;
}

const struct path_node *
path_trie_walk(const struct path_trie *t, uint32_t root, struct str path, bool *whole)
{
	const struct path_node *node = NULL;
	uint32_t parent = root;
	struct str segment;

	*whole = false;
	if (path.n == 0 || path.p[0] != '/')
		return NULL;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);) {
		const struct path_node *child;

		if (node != NULL && !node->has_children)
			return node;
		child = find_slot(t, parent, segment, edge_hash(parent, segment));
		if (!child->used)
			return node;
		node = child;
		parent = number_of(t, node);
	}
	*whole = true;
	return node;
}
