/* placeholder */ typedef int bn_image_placeholder;
