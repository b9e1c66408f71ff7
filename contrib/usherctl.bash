# bash completion for usherctl

# The second word of each server that usherd lists, or the first: backends.
_usherctl_ask() {
	"${COMP_WORDS[0]}" "${options[@]}" servers "${@:2}" 2>/dev/null |
	    awk -v column="$1" 'NR > 1 && !seen[$column]++ { print $column }'
}

_usherctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words=() options=() i list=
	local commands="servers drain disable enable weight add remove reset generations reload
	    version help"

	case $prev in
	-c|-s)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames
		return
		;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c|-s) options+=("${COMP_WORDS[i]}" "${COMP_WORDS[++i]}") ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case ${#words[@]},${words[0]} in
	0,*) list="$commands -c -s --json -V -h" ;;
	1,servers|1,drain|1,disable|1,enable|1,weight|1,add|1,remove|1,reset)
		list=$(_usherctl_ask 1) ;;
	2,drain|2,disable|2,enable|2,weight|2,remove|2,reset)
		list=$(_usherctl_ask 2 "${words[1]}") ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
	# An address with a colon is several words to bash.
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _usherctl usherctl
