/* placeholder */ typedef int bn_cli_placeholder;
