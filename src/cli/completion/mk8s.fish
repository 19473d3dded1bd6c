# Completion of mk8s for fish: mk8s completion fish | source
# Every word is asked of mk8s itself.

function __mk8s_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (mk8s __complete -- $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path (commandline -ct)
    end
    if set -q lines[2]
        printf '%s\n' $lines[2..-1]
    end
end

complete -c mk8s -f -k -a '(__mk8s_complete)'
