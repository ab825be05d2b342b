# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
#
# Running steps: sourced by tests/setup-host, run-tests and run-demo.
#
#   steps_run NAME LOG LIMIT COMMAND...
#
# runs the command with its output in LOG, shows that it is alive, stops it
# after LIMIT seconds, and prints the end of the log if it fails. On a terminal
# one line is kept up to date; elsewhere a line appears every steps_interval
# seconds. Standard input is closed: no step may ask.

steps_interval=${steps_interval:-20}
steps_tail=${steps_tail:-40}
steps_pid=
steps_seconds=0
steps_tty=no
if [[ -t 1 && ${TERM:-dumb} != dumb && -z ${CI:-} ]]; then
	steps_tty=yes
fi

steps_say()
{
	printf '%s\n' "$*"
}

# A finished thing without a log: what was done, or why not.
steps_note()
{
	printf '    %s\n' "$*"
}

steps_clear_line()
{
	if [[ $steps_tty == yes ]]; then
		printf '\r\033[K'
	fi
}

steps_duration()
{
	local s=$1
	if ((s >= 60)); then
		printf '%d min %02d s' $((s / 60)) $((s % 60))
	else
		printf '%d s' "$s"
	fi
}

# The last line of a log, without control characters, cut to the terminal.
steps_last_line()
{
	local log=$1 width=$2
	tail -c 600 "$log" 2>/dev/null | tr '\r' '\n' |
		sed -e 's/\x1b\[[0-9;]*[A-Za-z]//g' -e '/^[[:space:]]*$/d' |
		tr -d '\000-\010\013-\037' | tail -n 1 | cut -c "1-$width"
}

# End the step that is running, its children included.
steps_stop()
{
	local i
	if [[ -z $steps_pid ]]; then
		return 0
	fi
	kill -TERM -- "-$steps_pid" 2>/dev/null
	for ((i = 0; i < 50; i++)); do
		if ! kill -0 -- "-$steps_pid" 2>/dev/null; then
			break
		fi
		sleep 0.1
	done
	kill -KILL -- "-$steps_pid" 2>/dev/null
	wait "$steps_pid" 2>/dev/null
	steps_pid=
	return 0
}

steps_show_tail()
{
	local log=$1
	steps_say "    ---- last lines of $log"
	tail -n "$steps_tail" "$log" | sed 's/^/    | /'
	steps_say "    ----"
}

steps_run()
{
	local name=$1 log=$2 limit=$3 start=$SECONDS shown=0 elapsed rc late=no columns
	shift 3
	mkdir -p "$(dirname "$log")"
	steps_say "==> $name"
	columns=$(tput cols 2>/dev/null || echo 80)
	# Job control gives the step a process group of its own, to be ended as one.
	set -m
	("$@") </dev/null >"$log" 2>&1 9>&- &
	steps_pid=$!
	set +m
	while kill -0 "$steps_pid" 2>/dev/null; do
		sleep 0.2
		elapsed=$((SECONDS - start))
		if ((elapsed >= limit)); then
			late=yes
			break
		fi
		if [[ $steps_tty == yes ]]; then
			if ((elapsed > shown)); then
				shown=$elapsed
				printf '\r\033[K    %s  %s' "$(steps_duration "$elapsed")" \
					"$(steps_last_line "$log" $((columns - 20)))"
			fi
		elif ((elapsed >= shown + steps_interval)); then
			shown=$elapsed
			steps_note "... $(steps_duration "$elapsed"): $(steps_last_line "$log" 100)"
		fi
	done
	if [[ $late == yes ]]; then
		steps_stop
		rc=124
	else
		wait "$steps_pid"
		rc=$?
		# Nothing that the step started outlives it.
		steps_stop
	fi
	steps_clear_line
	steps_seconds=$((SECONDS - start))
	if ((rc == 0)); then
		steps_note "ok, $(steps_duration "$steps_seconds")"
	elif [[ $late == yes ]]; then
		steps_note "FAILED: not done after $(steps_duration "$limit")"
		steps_show_tail "$log"
	else
		steps_note "FAILED with status $rc after $(steps_duration "$steps_seconds")"
		steps_show_tail "$log"
	fi
	return "$rc"
}
