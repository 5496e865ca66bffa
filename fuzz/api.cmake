# Request targets, routes, ranges.
bn_fuzz(api_request SOURCES api_request.c $<TARGET_OBJECTS:room_api_text> $<TARGET_OBJECTS:room_http_text>)
