# bash completion for endpointd
_endpointd() {
    local cur prev words cword
    _init_completion -n = || return
    local commands="serve predict inspect profiles help"
    local command="${words[1]}"

    if [ "$cword" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$cur"))
        return
    fi
    case "$prev" in
    --profile)
        COMPREPLY=($(compgen -W "auto $(endpointd profiles 2>/dev/null |
            awk 'NR > 1 && $1 ~ /^[0-9]/ { print $1 }')" -- "$cur"))
        return
        ;;
    --accept | --default-accept)
        COMPREPLY=($(compgen -W "text/csv application/json" -- "$cur"))
        return
        ;;
    --content-type)
        COMPREPLY=($(compgen -W "text/csv text/libsvm" -- "$cur"))
        return
        ;;
    --model | --output | --access-log)
        _filedir
        return
        ;;
    esac
    case "$cur" in
    -*)
        # the program's own help is the one list of options
        COMPREPLY=($(compgen -W "$(endpointd "$command" --help 2>/dev/null |
            awk '$1 ~ /^--/ { print $1 }')" -- "$cur"))
        ;;
    *)
        if [ "$command" = help ]; then
            COMPREPLY=($(compgen -W "$commands settings" -- "$cur"))
        else
            _filedir
        fi
        ;;
    esac
}
complete -F _endpointd endpointd
