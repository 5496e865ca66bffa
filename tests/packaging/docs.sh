#!/bin/bash
# docs.sh PROGRAM BUILD: what the pages name is there. Every path of this tree and name said to be in one, every test that is
# said to hold a promise or to be run, every option in the words for a command; the manual page names what is read from the
# environment, and every page is installed, as they point to one another.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$1
build=$2
pages=(README.md docs/*.md examples/README.md training/README.md tests/reference/README.md)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

missing() {
    echo "$*"
    failed=1
}

# src/image/NAME.c and tests/nn/test_gpu_*.c stand for several.
while IFS=: read -r page line path; do
    case $path in *NAME* | *_) continue ;; esac
    path=${path%.}
    [ -e "$path" ] || missing "$page:$line: there is no $path"
done < <(grep -noP '(?<![\w/.-])(src|tests|scripts|docs|examples|packaging|bench|cmake|fuzz|models|web|include|python|training)/[\w./-]*\w' \
    "${pages[@]}")

# `load_projection` in `src/model/params_fold.c`, and lists of names
while IFS=: read -r page line words; do
    path=${words##* in \`}
    path=${path%\`}
    for name in $(grep -oE '\w+' <<<"${words% in *}"); do
        grep -qsw "$name" "$path" || missing "$page:$line: $path has no $name"
    done
done < <(grep -noE '`\w+`(, `\w+`)* in `(src|tests|web|python)/[a-z0-9_./]+\.(c|h|js|py)`' "${pages[@]}")

ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' >"$scratch/tests"
test -s "$scratch/tests"
{
    sed -n '/^## Fuzzing/q; s/^| .* | \(`.*`\) |$/\1/p' docs/SECURITY.md | grep -oE '`[a-z0-9_*]+`' | tr -d '`*'
    grep -ohE 'ctest (--test-dir [a-z/]+ )?-R [a-z_0-9]+' "${pages[@]}" | sed 's/.* //'
} | sort -u | while read -r name; do
    case $name in fuzz_*) name=${name#fuzz_} && ls fuzz/"${name%_}"* >/dev/null 2>&1 && continue ;; esac
    grep -q "^$name" "$scratch/tests" || echo "there is no test $name"
done >"$scratch/no_test"
if [ -s "$scratch/no_test" ]; then missing "$(cat "$scratch/no_test")"; fi

# "    birefnet remove a.jpg -o b/ --mask     what it does": up to two spaces, or another command.
while IFS=: read -r page line words; do
    read -r _ command _ <<<"$words"
    case $command in [a-z]*) ;; *) continue ;; esac
    "$program" "$command" --help >"$scratch/help" 2>/dev/null || missing "$page:$line: there is no command $command"
    for word in $words; do
        case $word in
        '|' | '&&' | '<' | '>' | '#') break ;;
        --*) word=${word%%=*} && grep -qE -e "^ +(-[a-z], )?$word( |\[|$)" "$scratch/help" ||
            missing "$page:$line: $command knows no $word" ;;
        esac
    done
done < <(grep -noE '^    birefnet [a-z]+( [^ ]+)*|`birefnet [a-z]+ [^`]*`' "${pages[@]}" | tr -d '`]')

"$program" --man >"$scratch/man"
for variable in $(grep -rhoE 'getenv\("BIREFNET_[A-Z_]+' src | sed 's/.*"//' | sort -u); do
    grep -q "$variable" "$scratch/man" || missing "the manual page says nothing of $variable"
done

for page in docs/*.md; do
    grep -q "/$page\"" "$build/cmake_install.cmake" || missing "$page is not installed"
done
exit $failed
