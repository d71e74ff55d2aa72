// The shell code of tab completion: it passes the words on and shows the candidates.
import { SCYLD_NAMES } from './scyld-names.ts';

const PROGRAMS = ['muster', ...SCYLD_NAMES].join(' ');

/** bash and readline split words at `=` and `:`, so candidates lose the part before the last of them. */
export const BASH_SCRIPT = `# Tab completion of muster for bash: source <(muster completion bash)
_muster() {
    local line=\${COMP_LINE:0:COMP_POINT} current words candidate cut prefix file
    read -r -a words <<<"$line"
    case $line in *[[:space:]]) words+=('') ;; esac
    current=\${words[\${#words[@]}-1]}
    COMPREPLY=()
    cut=$(_muster_cut "$current")
    while IFS= read -r candidate; do
        case $candidate in
            @files*)
                compopt -o filenames 2>/dev/null
                prefix=\${candidate#@files}
                while IFS= read -r file; do
                    COMPREPLY+=("\${prefix#"$cut"}$file")
                done < <(compgen -f -- "\${current#"$prefix"}")
                ;;
            *)
                case $candidate in *[=,@]) compopt -o nospace 2>/dev/null ;; esac
                COMPREPLY+=("\${candidate#"$cut"}")
                ;;
        esac
    done < <("\${words[0]}" __complete "\${words[0]##*/}" "\${words[@]:1}" 2>/dev/null)
}
# The part that readline treats as separate words: up to its last break.
_muster_cut() {
    local at=\${#1}
    while (( at > 0 )); do
        case \${1:at-1:1} in
            = | : | @) case $COMP_WORDBREAKS in *"\${1:at-1:1}"*) break ;; esac ;;
        esac
        at=$((at - 1))
    done
    printf '%s' "\${1:0:at}"
}
complete -F _muster ${PROGRAMS}
`;

export const ZSH_SCRIPT = `#compdef ${PROGRAMS}
# Tab completion of muster for zsh: source <(muster completion zsh), or a file _muster in $fpath
_muster() {
    local -a given plain open
    local candidate files=''
    given=("\${(@Q)words[1,CURRENT]}")
    while IFS= read -r candidate; do
        case $candidate in
            @files*) files=1; compset -P "\${(b)candidate#@files}"; _files ;;
            *[=,@]) open+=("$candidate") ;;
            *) plain+=("$candidate") ;;
        esac
    done < <("\${given[1]}" __complete "\${given[1]:t}" "\${(@)given[2,-1]}" 2>/dev/null)
    if (( $#plain )); then compadd -- "\${plain[@]}"; fi
    if (( $#open )); then compadd -S '' -- "\${open[@]}"; fi
}
if [ "$funcstack[1]" = "_muster" ]; then _muster "$@"; else compdef _muster ${PROGRAMS}; fi
`;
