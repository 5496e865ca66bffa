/* url.h - addresses as people paste them, spaces and umlauts included, made into what may stand in a request. */
#ifndef BN_NET_URL_H
#define BN_NET_URL_H

/* What a browser would ask for (the URL standard's "special" schemes): blanks around it and line breaks in it go, the
 * fragment too, a backslash of the path is a slash, bytes of path and query that may not stand there become %XX; a percent
 * sign stays. Of scheme and host only blanks are written so. The caller's to free; NULL where memory ran out. */
char *bn_url_escape(const char *url);

#endif
