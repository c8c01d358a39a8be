/*-------------------------------------------------------------------------
 *
 * fuzz_memory.h
 *		Memory contexts in which AddressSanitizer sees each chunk.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz_memory.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FUZZ_MEMORY_H
#define PYLON_FUZZ_MEMORY_H

#include "nodes/memnodes.h"

extern MemoryContext fuzz_context_create(MemoryContext parent, const char *name,
										 Size min, Size initial, Size max);

#endif							/* PYLON_FUZZ_MEMORY_H */
