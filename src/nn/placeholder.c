/* placeholder */ typedef int bn_nn_placeholder;
