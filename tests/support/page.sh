# SPDX-License-Identifier: GPL-3.0-or-later
# The commands and files that a page of the documents shows, for the scenario that does it. Sourced.

# page_commands FILE WORD… : those of its fenced blocks that begin so, without what is explained beside them
page_commands() {
	awk '/^ *```/ { inside = !inside; next } inside' "$1" | sed -E 's/^ +//; s/ {2,}.*//' | page_begin "${@:2}"
}
# page_quoted FILE WORD… : those in its running text
page_quoted() {
	awk '/^ *```/ { inside = !inside; next } !inside' "$1" | tr -s '\n ' ' ' | grep -oE "\`[^\`]+\`" | tr -d '`' |
		page_begin "${@:2}"
}
page_begin() { grep -E "^($(IFS='|'; echo "$*")) "; }
# page_yaml FILE NUMBER : that one of its blocks of YAML
page_yaml() {
	awk -v wanted="$2" '/^ *```yaml/ { inside = ++count == wanted; next } /^ *```/ { inside = 0 } inside' "$1" | sed 's/^   //'
}
