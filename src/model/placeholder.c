/* placeholder */ typedef int bn_model_placeholder;
