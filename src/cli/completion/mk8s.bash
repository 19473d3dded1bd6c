# Completion of mk8s for bash: source <(mk8s completion bash)
# Every word is asked of mk8s itself.

_mk8s() {
    local line="${COMP_LINE:0:COMP_POINT}" words=() word i
    # bash breaks words at characters such as = and :, where no space stands; here they are whole again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((i == 0)) || [[ $line == [[:space:]]* ]]; then
            line="${line#"${line%%[![:space:]]*}"}"
            ((${#word} > ${#line})) && word="${word:0:${#line}}"
            words+=("$word")
        else
            ((${#word} > ${#line})) && word="${word:0:${#line}}"
            words[${#words[@]} - 1]+="$word"
        fi
        line="${line:${#word}}"
    done

    # What bash replaces is the part of the word behind the last break.
    local current="${words[${#words[@]} - 1]}" part="$word" kind='' value rest
    case $part in '=' | ':') part='' ;; esac
    local kept="${current%"$part"}"

    COMPREPLY=()
    while IFS=$'\t' read -r value rest; do
        if [[ -z $kind ]]; then
            kind="$value"
        else
            COMPREPLY+=("${value#"$kept"}")
        fi
    done < <(mk8s __complete -- "${words[@]:1}" 2>/dev/null)

    if [[ $kind == files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do
            COMPREPLY+=("$value")
        done < <(compgen -f -- "$part")
    elif ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _mk8s mk8s
