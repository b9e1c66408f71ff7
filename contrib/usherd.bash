# bash completion for usherd

_usherd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	case $prev in
	-c)
		mapfile -t COMPREPLY < <(compgen -f -X '!*.ini' -- "$cur"; compgen -d -- "$cur")
		compopt -o filenames
		;;
	-s)
		mapfile -t COMPREPLY < <(compgen -W "reload quit stop reopen status" -- "$cur")
		;;
	-g)
		mapfile -t COMPREPLY < <(compgen -W "global.workers= global.user= global.pid_file=
		    global.error_log= global.log_level= global.max_connections=" -- "$cur")
		compopt -o nospace
		;;
	-l|-b|-H|--explain|--from)
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "-c -f -t -T -s -g -q -V -h -l -b
		    --explain -H --from" -- "$cur")
		;;
	esac
}
complete -F _usherd usherd
