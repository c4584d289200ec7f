#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs lab simulate: reads, replaces and frees of both profiles on up to 64 virtual
# CPUs. What CPUs do to their own objects has to scale in the user profile; and
# lines that CPUs share have to be seen, or that would say nothing.
. "$(dirname "$0")/../tools/common.inc"

simulate() {
	"$uzs" lab simulate --csv "$@"
}

# of SCOPE CPUS NAME: a column of the CSV in $work/out.
of() {
	awk -F, -v scope="$1" -v cpus="$2" -v name="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["scope"] == scope && $at["cpus"] == cpus { print $at[name] }
	' "$work/out"
}

# is A RELATION B, of decimal numbers.
is() {
	awk -v a="$1" -v b="$3" -v how="$2" 'BEGIN {
		if (a == "" || b == "") exit 1
		exit !(how == "<" ? a + 0 < b + 0 : a + 0 >= b + 0) }'
}

# Reads of one's own objects: in the user profile no line is wanted by two CPUs.
# In the kernel profile each takes pool->lock, for reading: one line, and 64 CPUs
# are no faster than 4.
runs_well simulate --work read --scope held,user --cpus 1,4,64
cp "$work/out" "$work/reads"
scaling=$(of user 64 scaling)
check "user, read, 64 CPUs: $scaling of perfect" is "$scaling" '>=' 0.8
equal "user, read, 64 CPUs: lines from other CPUs" 0 "$(of user 64 line_moves)"
check "held, read: each takes a line from another CPU" is \
	"$(of held 64 line_moves)" '>=' $((64 * 256 * 8))
check "held, read: 64 CPUs, $(of held 64 calls_per_us) calls/us" is \
	"$(of held 64 calls_per_us)" '<' \
	"$(awk -v n="$(of held 4 calls_per_us)" 'BEGIN { print 1.1 * n }')"
equal "one CPU is its own measure" "1.0000 1.0000" \
	"$(of held 1 scaling) $(of user 1 scaling)"
equal "calls in a us: rounds times objects over the time" yes \
	"$(awk -v n="$(of user 64 calls_per_us)" -v ns="$(of user 64 call_ns)" \
		'BEGIN { d = n * ns / 1000 - 64 * 256 * 8
			print (d > -9 && d < 9) ? "yes" : d }')"
runs_well simulate --work read --scope held,user --cpus 1,4,64
check "the same again" cmp "$work/reads" "$work/out"

# All CPUs read the same objects: nobody writes a word. Where lines are shared,
# they cost what they are set to; a model without lines would not know.
runs_well simulate --work read --shared --scope user --cpus 1,64
check "user, the same objects: $(of user 64 scaling) of perfect" is \
	"$(of user 64 scaling)" '>=' 0.8
equal "the same objects: lines from other CPUs" 0 "$(of user 64 line_moves)"
runs_well simulate --work read --scope held --cpus 1,64 --set line=800
check "dearer lines, slower: $(of held 64 call_ns)" is \
	"$(awk -F, '$9 == "held" && $4 == 64 { print $11 }' "$work/reads")" \
	'<' "$(of held 64 call_ns)"
runs_well simulate --work read --scope user --cpus 64 --set line=800
equal "of one's own objects no slower" \
	"$(awk -F, '$9 == "user" && $4 == 64 { print $11 }' "$work/reads")" \
	"$(of user 64 call_ns)"

# Objects of other sizes in the place of one's own.
runs_well simulate --work replace --scope user --cpus 1,64 --warm-up 32 \
	--rounds 32
scaling=$(of user 64 scaling)
check "user, replace, 64 CPUs: $scaling of perfect" is "$scaling" '>=' 0.75
# A few rounds show that nothing scales: each of so many CPUs waits for all others.
runs_well simulate --work replace --scope held --cpus 1,64 --warm-up 2 --rounds 2
check "held, replace, 64 CPUs: $(of held 64 scaling) of perfect" is \
	"$(of held 64 scaling)" '<' 0.2
check "CPUs wait for class->lock" is 0 '<' "$(of held 64 lock_wait_ns)"

# The same size: the bytes are written over the old ones. Where the objects of a
# CPU lie together, its lines are its own.
runs_well simulate --work replace --size 1000 --fill apart --scope user \
	--cpus 1,64 --warm-up 1 --rounds 8
scaling=$(of user 64 scaling)
check "user, replace by the same size: $scaling of perfect" is "$scaling" \
	'>=' 0.95

# What the user profile frees; deferral and reuse beside replacing.
runs_well simulate --work free --size 4000 --objects 500 --scope held,user \
	--cpus 1,16
check "user, free: $(of user 16 calls_per_us), held: $(of held 16 calls_per_us)" \
	is "$(of held 16 calls_per_us)" '<' "$(of user 16 calls_per_us)"
runs_well simulate --work release --objects 500 --scope held,user --cpus 1,16
check "user, release: $(of user 16 scaling), held: $(of held 16 scaling)" is \
	"$(of held 16 scaling)" '<' "$(of user 16 scaling)"
runs_well simulate --work replace --scope all --defer all --cpus 1,3 \
	--warm-up 1 --rounds 2 --order random --seed 5
equal "three scopes with four deferrals, user with one" 27 \
	"$(wc -l <"$work/out" | tr -d ' ')"

# More processes than CPUs; as a table and as JSON.
runs_well "$uzs" lab simulate --work replace --scope user --cpus 1,2 \
	--processes 1,3 --warm-up 1 --rounds 1 --json
equal "JSON has the user profile, and what scales" 4,4 \
	"$(grep -c '"scope": "user"' "$work/out"),$(grep -c '"scaling"' "$work/out")"
runs_well "$uzs" lab simulate --work read --scope user --cpus 2
check "one CPU was not simulated" grep -q 'read .* 2 .* user .* - ' "$work/out"
runs_well "$uzs" lab simulate --help
check "help has an example" grep -q 'simulate --work read ' "$work/out"

finish
