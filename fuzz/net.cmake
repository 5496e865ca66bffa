bn_fuzz(net_url SOURCES net_url.c LINK room_net)
