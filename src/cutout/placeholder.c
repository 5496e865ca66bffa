/* placeholder */ typedef int bn_cutout_placeholder;
