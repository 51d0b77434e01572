# SPDX-License-Identifier: GPL-3.0-or-later
# What may follow is the program's own answer (sallyport __complete), so that it is never older than the program.
_sallyport() {
	local line IFS=$'\n'
	local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
	COMPREPLY=()
	for line in $("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null); do
		if [ "$line" = :files ]; then
			compopt -o filenames 2>/dev/null
			COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
		else
			COMPREPLY+=("${line%%$'\t'*}")
		fi
	done
}
complete -F _sallyport sallyport
