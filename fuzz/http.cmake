# Parsers of HTTP's own texts: forms, the proxy. The request line and header fields are libmicrohttpd's.
foreach(parser form connect)
    bn_fuzz(http_${parser} SOURCES http_${parser}.c $<TARGET_OBJECTS:room_http_text>)
endforeach()
