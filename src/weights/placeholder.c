/* placeholder */ typedef int bn_weights_placeholder;
