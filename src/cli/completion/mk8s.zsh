#compdef mk8s
# Completion of mk8s for zsh: source <(mk8s completion zsh), or a file _mk8s in a directory of fpath.
# Every word is asked of mk8s itself.

_mk8s() {
    local -a lines with_space without_space
    local kind line value
    lines=("${(@f)$(mk8s __complete -- "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    kind="${lines[1]}"
    for line in "${(@)lines[2,-1]}"; do
        [[ -n $line ]] || continue
        value="${line%%$'\t'*}"
        # A colon ends the word in what _describe is given.
        if [[ $line == *$'\t'* ]]; then
            line="${value//:/\\:}:${line#*$'\t'}"
        else
            line="${value//:/\\:}"
        fi
        if [[ $value == *[=/:] ]]; then
            without_space+=("$line")
        else
            with_space+=("$line")
        fi
    done
    if [[ $kind == files ]]; then
        _files
        return
    fi
    (( ${#with_space} )) && _describe -t values mk8s with_space
    (( ${#without_space} )) && _describe -t values mk8s without_space -S ''
    return 0
}

if [[ ${funcstack[1]} == _mk8s ]]; then
    _mk8s "$@"
else
    compdef _mk8s mk8s
fi
