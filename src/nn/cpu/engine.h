/* engine.h - the library that multiplies (oneDNN), as those see it who ask it for no product. */
#ifndef BN_NN_CPU_ENGINE_H
#define BN_NN_CPU_ENGINE_H

#include "base/cpu.h"
#include "base/error.h"

/* Hold oneDNN to a level of instructions. It has one level for the whole process, which is fixed when anything else is
 * first asked of it: fails with UNSUPPORTED where that has happened and the level is higher. */
bn_status bn_engine_hold(bn_isa isa, bn_error *err);

/* The level that it runs at, which is fixed by this. */
bn_isa bn_engine_isa(void);

/* Whether the process's user told oneDNN a level, by its environment variable. */
bool bn_engine_told_by_user(void);

/* Its version, as "3.7.2". */
void bn_engine_version(char *text, size_t size);

#endif
