/* engine.h - the library that multiplies (oneDNN), as programs see it. */
#ifndef BN_NN_CPU_ENGINE_H
#define BN_NN_CPU_ENGINE_H

#include <stddef.h>

/* Hold oneDNN to a level of instructions, named as bn_isa_name does, for the whole process; before anything else is
 * asked of it. For programs, not for the library. */
void bn_engine_hold(const char *level);

/* Its version, as "3.7.2". */
void bn_engine_version(char *text, size_t size);

#endif
