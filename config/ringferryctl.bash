# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
#
# Completion of ringferryctl for bash. Names come from the running daemon.

_ringferryctl_names()
{
	local socket=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -s || ${COMP_WORDS[i]} == --socket ]]; then
			socket=(-s "${COMP_WORDS[i + 1]}")
		fi
	done
	ringferryctl "${socket[@]}" --json "$1" list 2>/dev/null |
		grep -o '"name": *"[^"]*"' | cut -d '"' -f 4
}

_ringferryctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} words=() i choices=
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket) ((i++)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case "${words[*]}" in
	'') choices="port wire device ring lcore stats status mempool log version help --socket --json" ;;
	port | wire) choices="list add remove" ;;
	device) choices="list show" ;;
	ring | lcore) choices="list" ;;
	log) choices="list set" ;;
	stats | 'port show' | 'port remove' | 'wire add '*) choices=$(_ringferryctl_names port) ;;
	'wire remove') choices=$(_ringferryctl_names wire) ;;
	'device show' | 'ring list') choices=$(_ringferryctl_names device) ;;
	'port add '*) choices="type= socket= mode= queue-pairs= mtu= features= device= queues=" ;;
	'log set') choices="all $(_ringferryctl_names log)" ;;
	'log set '*) choices="error warning notice info debug" ;;
	esac
	[[ ${words[*]} != port ]] || choices+=" show"
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
	if [[ ${COMPREPLY[0]:-} == *= ]]; then
		compopt -o nospace
	fi
}

complete -F _ringferryctl ringferryctl
