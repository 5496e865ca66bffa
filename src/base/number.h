/* number.h - numbers in words that are the same in every language. */
#ifndef BN_BASE_NUMBER_H
#define BN_BASE_NUMBER_H

/* strtod() as it is in the C locale: a point is the decimal point whatever setlocale() was told by the program that uses the library. */
double bn_number_read(const char *text, char **end);

#endif
