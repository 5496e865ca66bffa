# Parsers of the server's own: request targets, routes, ranges, forms, the proxy. The request line and header fields are
# libmicrohttpd's.
foreach(parser request form connect)
    bn_fuzz(http_${parser} SOURCES http_${parser}.c $<TARGET_OBJECTS:room_http_text>)
endforeach()
