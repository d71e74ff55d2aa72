# shellcheck shell=sh
# For scripts on a node: . /opt/scyld/clusterware-node/functions.sh

# attribute_value NAME [DEFAULT]: prints the value of one of this node's attributes.
attribute_value() {
    _ini=${CLUSTERWARE_ATTRIBUTES:-/opt/scyld/clusterware-node/etc/attributes.ini}
    [ -r "$_ini" ] || _ini=/run/muster/etc/attributes.ini
    if [ -r "$_ini" ]; then
        _section=''
        while IFS= read -r _line || [ -n "$_line" ]; do
            case $_line in
                '['*)
                    _section=$_line
                    continue
                    ;;
                "$1 = "*) _found=${_line#"$1 = "} ;;
                "$1="*) _found=${_line#"$1="} ;;
                "$1 =") _found='' ;;
                *) continue ;;
            esac
            if [ "$_section" = '[Attributes]' ]; then
                printf '%s\n' "$_found"
                return 0
            fi
        done <"$_ini"
    fi
    if [ $# -gt 1 ]; then printf '%s\n' "$2"; fi
}
