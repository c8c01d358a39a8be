/*-------------------------------------------------------------------------
 *
 * fuzz_memory.c
 *		Memory contexts in which AddressSanitizer sees each chunk.
 *
 * PostgreSQL's own contexts cut chunks out of larger blocks, which hides an
 * overrun, and a use after pfree or after a reset. Here each chunk is one
 * malloc. The code under attack is compiled so that its contexts are of this
 * kind, too. From PostgreSQL 16 on the kinds of contexts are a table in the
 * server that nobody can add to: there they are PostgreSQL's own.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_memory.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fuzz_memory.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM >= 160000

MemoryContext
fuzz_context_create(MemoryContext parent, const char *name, Size min, Size initial, Size max)
{
	return (AllocSetContextCreateInternal) (parent, name, ALLOCSET_DEFAULT_SIZES);
}

#else

typedef struct FuzzContext
{
	MemoryContextData header;
	dlist_head	chunks;
} FuzzContext;

/* What stands before each chunk; PostgreSQL looks for the context there. */
typedef struct FuzzChunk
{
	dlist_node	node;
	Size		size;
	MemoryContext context;
} FuzzChunk;

#define CHUNK(pointer) ((FuzzChunk *) (pointer) - 1)

StaticAssertDecl(sizeof(FuzzChunk) % MAXIMUM_ALIGNOF == 0, "chunks are aligned");

static void *
fuzz_alloc(MemoryContext context, Size size)
{
	FuzzChunk  *chunk = malloc(sizeof(FuzzChunk) + size);

	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	chunk->context = context;
	dlist_push_tail(&((FuzzContext *) context)->chunks, &chunk->node);
	context->mem_allocated += size;
	return chunk + 1;
}

static void
fuzz_free(MemoryContext context, void *pointer)
{
	context->mem_allocated -= CHUNK(pointer)->size;
	dlist_delete(&CHUNK(pointer)->node);
	free(CHUNK(pointer));
}

static void *
fuzz_realloc(MemoryContext context, void *pointer, Size size)
{
	void	   *moved = fuzz_alloc(context, size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, pointer, Min(size, CHUNK(pointer)->size));
	fuzz_free(context, pointer);
	return moved;
}

static void
fuzz_reset(MemoryContext context)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &((FuzzContext *) context)->chunks)
	{
		dlist_delete(iter.cur);
		free(dlist_container(FuzzChunk, node, iter.cur));
	}
	context->mem_allocated = 0;
}

static void
fuzz_delete(MemoryContext context)
{
	fuzz_reset(context);
	free(context);
}

static Size
fuzz_chunk_space(MemoryContext context, void *pointer)
{
	return CHUNK(pointer)->size;
}

static bool
fuzz_is_empty(MemoryContext context)
{
	return dlist_is_empty(&((FuzzContext *) context)->chunks);
}

static void
fuzz_stats(MemoryContext context, MemoryStatsPrintFunc print, void *passthru,
		   MemoryContextCounters *totals, bool to_stderr)
{
}

static const MemoryContextMethods fuzz_methods = {
	fuzz_alloc, fuzz_free, fuzz_realloc, fuzz_reset, fuzz_delete,
	fuzz_chunk_space, fuzz_is_empty, fuzz_stats,
};

/* Stands in for AllocSetContextCreate; the sizes mean nothing. */
MemoryContext
fuzz_context_create(MemoryContext parent, const char *name, Size min, Size initial, Size max)
{
	FuzzContext *context = calloc(1, sizeof(FuzzContext));

	if (context == NULL)
		elog(ERROR, "out of memory");
	dlist_init(&context->chunks);
	/* PostgreSQL knows no other tags. */
	MemoryContextCreate(&context->header, T_AllocSetContext, &fuzz_methods, parent, name);
	return &context->header;
}

#endif
