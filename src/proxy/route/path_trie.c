/*
 * path_trie.c - routes by the segments of their paths.
 *
 * Parents are told by number: roots first, then the slots of the table.
 */
#include "proxy/route/path_trie.h"

#include "base/check.h"

_Static_assert(sizeof(struct path_node) == MEM_LINE, "a node is one line");

void
path_trie_init(struct path_trie *t, uint32_t nroots, struct arena *arena)
{
	*t = (struct path_trie){
		.nodes = mem_zalloc_lines(1, sizeof(t->nodes[0])),
		.nslots = 1,
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

/* `above` is the hash of the parent, or the number of the root. */
static uint32_t
hash_below(uint32_t above, struct str segment)
{
	return (uint32_t)str_hash(segment, above);
}

/* ---- building */

/* Half of the slots stay free, so that a search ends soon. */
static bool
is_full(const struct path_trie *t)
{
	return (t->nnodes + 1) * 2 > t->nslots;
}

/* Copies a node of another table to where it belongs in this one. */
static struct path_node *
take_over(struct path_trie *t, const struct path_node *node)
{
	size_t i = node->hash & (t->nslots - 1);

	while (t->nodes[i].used)
		i = (i + 1) & (t->nslots - 1);
	t->nodes[i] = *node;
	return &t->nodes[i];
}

/*
 * A hash does not depend on where the parent stands, so that nodes can move in any order.  What is
 * left of each in the old table says where it went, for its children.
 */
static void
grow(struct path_trie *t)
{
	struct path_node *old = t->nodes;
	size_t nold = t->nslots;

	t->nslots = nold * 2;
	CHECK(t->nslots < UINT32_MAX - t->nroots);
	t->nodes = mem_zalloc_lines(t->nslots, sizeof(t->nodes[0]));
	for (size_t i = 0; i < nold; i++)
		if (old[i].used)
			old[i].parent = number_of(t, take_over(t, &old[i]));
	for (size_t i = 0; i < t->nslots; i++)
		if (t->nodes[i].used && t->nodes[i].parent >= t->nroots)
			t->nodes[i].parent = old[t->nodes[i].parent - t->nroots].parent;
	mem_free(old);
}

static void
fill_slot(struct path_trie *t, struct path_node *node, uint32_t parent, struct str segment,
    uint32_t hash)
{
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
	t->nnodes++;
}

struct path_node *
path_trie_add(struct path_trie *t, uint32_t root, struct str path)
{
	struct path_node *node = NULL;
	uint32_t parent = root, hash = root;
	struct str segment;

	if (path.n == 0)
		return NULL;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);) {
		hash = hash_below(hash, segment);
		node = find_slot(t, parent, segment, hash);
		if (!node->used && is_full(t)) {
			grow(t);
			return path_trie_add(t, root, path);
		}
		if (!node->used)
			fill_slot(t, node, parent, segment, hash);
		parent = number_of(t, node);
	}
	return node;
}

/* ---- in use */

const struct path_node *
path_trie_walk(const struct path_trie *t, uint32_t root, struct str path, bool *whole)
{
	const struct path_node *node = NULL;
	uint32_t parent = root, hash = root;
	struct str segment;

	*whole = false;
	if (path.n == 0 || path.p[0] != '/')
		return NULL;
	for (struct str rest = str_skip(path, 1); str_cut(&rest, '/', &segment);) {
		const struct path_node *child;

		if (node != NULL && !node->has_children)
			return node;
		hash = hash_below(hash, segment);
		child = find_slot(t, parent, segment, hash);
		if (!child->used)
			return node;
		node = child;
		parent = number_of(t, node);
	}
	*whole = true;
	return node;
}
