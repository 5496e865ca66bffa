# Parsers of the server's own: request targets, routes, forms. The request line and header fields are libmicrohttpd's.
set(found ${CMAKE_CURRENT_BINARY_DIR}/found)
file(MAKE_DIRECTORY ${found}/http_request)
bn_fuzz(http_request SOURCES http_request.c $<TARGET_OBJECTS:room_http_text>
    CORPUS ${found}/http_request ${CMAKE_CURRENT_SOURCE_DIR}/corpus/http_request)
