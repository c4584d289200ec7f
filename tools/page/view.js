/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* view.js - the viewer: a slider over the operations, steps, keys, and what the reader looks
 * at. pool.js shows each pool.
 */

/* What the reader looks at: the same for all pools. */
const view = {
	pools: [], ops: 0, all: 0, follow: null, by: 'class', zoom: 0, timer: 0,
	/* Within a compaction or trim: how many of its steps are done; null: it is over. */
	sub: null,
	missing: null, /* the ID that was asked for, when it was not live: {id, ops} */
	most: 1, mostPages: 1, /* bytes, of the curves and of the bars */
	isReady: false, /* are all numbers there? */
};

/* ---- steps --------------------------------------------------------------------------------- */

const lead = () => view.pools[0].pool;

/* What the next operation is, if it is one to look at. */
function nextText() {
	const { events } = lead().meta, next = events.find(e => e.ops_before === view.ops);

	if (!next || view.sub !== null)
		return '';
	if (next.kind === 't')
		return ' Next comes a trim.';
	return next.pages_freed && events.every(e => !(e.pages_freed > next.pages_freed)) ?
		' Next comes the compaction that frees most: press "compaction \u25b6".' :
		' Next comes a compaction.';
}

function nowText() {
	const pool = lead(), kind = pool.frameKind, n = pool.s.n;
	const head = `Operation ${num(pool.ops)} of ${num(view.all)}`;

	if (!pool.ops)
		return `${head}: the pool is empty.`;
	const where = (z, place) => `class ${pool.class(z).index}, zspage ${z}, place ${place}`;

	if (kind === 'a') {
		const z = pool.s.oz[n[11]];

		return `${head}: allocates object ${n[12]} of ${num(n[13])} bytes` +
			(z < 0 ? '.' : `: ${where(z, pool.s.oplace[n[11]])}.`) +
			(pool.made >= 0 && pool.made === z ?
				` The zspage is new: ${plural(pool.class(z).pages, 'page')} taken for it.` : '');
	}
	if (kind === 'f')
		return `${head}: frees object ${n[12]}: ${where(n[14], n[15])}.` +
			(pool.ghost >= 0 ? ` The zspage is empty now and is freed, with its ` +
				`${plural(pool.class(pool.ghost).pages, 'page')}.` : '');
	if (kind === 'c' || kind === 't') {
		const event = pool.meta.events.find(e => e.ops_before + 1 === pool.ops);
		const p = view.pools[0], at = view.sub;

		const name = kind === 'c' ? 'compaction' : 'trim';

		if (at === null || !p.steps)
			return (event ? `${head}: the ${name} is done: ${didText(event)}.` : head + '.') +
				(mostSteps() ? ` "\u25c0 step" goes back into it, "\u25c0 compaction" to its ` +
					'beginning.' : '');
		return at ? `${head}: ${name}, step ${num(Math.min(at, p.steps.length))} of ` +
			`${num(p.steps.length)}` + (at > p.steps.length ? '.' :
			`: ${p.stepText(p.steps[at - 1])}.`) :
			`${head}: a ${name} begins, of ${plural(p.steps.length, 'step')}. ` +
			'"step \u25b6" shows the next one, "to its end \u25b6" the result.';
	}
	return `${head}: shows ${plural(pool.frameOps, 'operation')} at once.`;
}

/* Steps of the compaction or trim that the state is in or behind: of all pools, the most. */
const mostSteps = () => Math.max(0, ...view.pools.map(p =>
	p.pool.ops === view.ops && view.ops && 'ct'.includes(p.pool.frameKind) ?
		p.pool.steps.length : 0));

/* Of the frame that is shown: how many records are done; undefined: all. */
function recordsDone(pool) {
	const { steps } = pool;

	if (view.sub !== null && 'ct'.includes(pool.frameKind))
		return view.sub && steps.length ? steps[Math.min(view.sub, steps.length) - 1].at : 0;
	/* A free that empties a zspage: this is seen for one step. */
	if (pool.meta.profile === 'kernel' && pool.frameKind === 'f' && pool.ops === view.ops &&
		steps.length === 1 && steps[0].gone !== undefined)
		return steps[0].at;
	return undefined;
}

function draw() {
	for (const p of view.pools) {
		/* First all of the frame: only then its moves are known. */
		if (view.sub === null || p.subOf !== view.ops)
			p.pool.seek(view.ops);
		p.subOf = view.ops;
	}
	if (view.sub !== null && !mostSteps())
		view.sub = null;
	for (const p of view.pools) {
		const done = recordsDone(p.pool);

		if (done !== undefined)
			p.pool.seek(view.ops, done);
	}
	for (const p of view.pools)
		p.draw();
	$('slider').value = view.ops;
	$('slider').setAttribute('aria-valuetext', `operation ${view.ops} of ${view.all}`);
	if (document.activeElement !== $('op'))
		$('op').value = view.ops;
	$('now').textContent = nowText() + nextText();
	const inside = view.sub !== null, atEnd = view.ops >= view.all && !inside;
	const kinds = [['step', atEnd], ['last', atEnd], ['back', view.ops <= 0],
		['first', view.ops <= 0], ['next-event', !inside && nextEvent(1) === null],
		['prev-event', !view.sub && !behindEvent() && nextEvent(-1) === null]];
	for (const [id, off] of kinds)
		$(id).disabled = off;
	$('next-event').textContent = inside ? 'to its end \u25b6' : 'compaction \u25b6';
	document.body.dataset.ops = view.ops;
}

function choose(change) {
	Object.assign(view, change);
	if (view.isReady)
		draw();
}

function go(ops, sub = null) {
	choose({ ops: Math.max(0, Math.min(view.all, Math.round(ops) || 0)), sub });
}

/* Within a compaction or trim; beyond its steps it is over. */
function goSub(sub) {
	choose({ sub: sub > mostSteps() ? null : Math.max(0, sub) });
}

/* Is a compaction or trim just over, with steps that can be gone back to? */
const behindEvent = () => view.sub === null && mostSteps() > 0;

const eventEnds = () => view.pools.flatMap(p => p.pool.meta.events.map(e => e.ops_before + 1));

function stepOn() {
	if (view.sub !== null) {
		goSub(view.sub + 1);
		return;
	}
	/* The frame of the pool that has the shortest. */
	const next = Math.min(...view.pools.map(p => p.pool.ops + (p.pool.peek() || 1)));
	const to = Math.max(view.ops + 1, Math.min(next, view.all));

	if (view.ops < view.all)
		go(to, eventEnds().includes(to) ? 0 : null);
}

function stepBack() {
	if (view.sub) {
		goSub(view.sub - 1);
		return;
	}
	if (behindEvent()) {
		goSub(mostSteps());
		return;
	}
	const last = Math.max(...view.pools.map(p =>
		p.pool.ops === view.ops ? p.pool.frameStart : p.pool.ops));

	go(Math.min(view.ops - 1, last));
}

/* The operation behind the next event, or before the last one. */
function nextEvent(direction) {
	const ends = lead().meta.events.map(e => e.ops_before + 1);
	const found = direction > 0 ? ends.find(e => e > view.ops) :
		ends.filter(e => e < view.ops).pop();

	return found === undefined ? null : found;
}

/* To the beginning of the next event and then to its end; back to beginnings only. */
function jump(direction) {
	const to = nextEvent(direction);

	if (direction > 0 && view.sub !== null)
		go(view.ops);
	else if (direction < 0 && (view.sub || behindEvent()))
		goSub(0);
	else if (to !== null)
		go(to, 0);
}

function play(on = !view.timer) {
	clearInterval(view.timer);
	view.timer = 0;
	$('play').setAttribute('aria-pressed', on);
	$('play').textContent = on ? '\u2759\u2759 stop' : '\u25b6 play';
	if (!on)
		return;
	let due = 0, last = performance.now();
	view.timer = setInterval(() => {
		const now = performance.now();

		due += (now - last) / 1000 * $('speed').value;
		last = now;
		if (view.ops >= view.all && view.sub === null)
			play(false);
		else if (due >= 1) {
			if (due < 2)
				stepOn();
			else if (view.sub !== null)
				goSub(view.sub + Math.floor(due));
			else
				go(view.ops + Math.floor(due));
			due %= 1;
		}
	}, 40);
}

function followObject(pool, n) {
	for (const p of view.pools)
		p.keep = true;
	choose({ follow: { n, id: pool.s.oid[n], born: pool.s.oborn[n] }, missing: null });
	$('follow-id').value = pool.s.oid[n];
}

/* Brings it into view, and keeps it there. */
function showFollowed() {
	for (const p of view.pools) {
		const n = p.followedObject();

		p.keep = true;
		if (n !== undefined)
			p.reveal(p.pool.s.oz[n], p.pool.s.oplace[n]);
		p.drawMap();
	}
}

/* The live object whose ID this is. */
function followId(id) {
	const { oz, oid } = lead().s;

	for (let n = 0; n < oz.length; n++)
		if (oz[n] >= 0 && oid[n] === id)
			return followObject(lead(), n);
	choose({ follow: null, missing: { id, ops: view.ops } });
	$('now').textContent = `No object ${id} is live at operation ${num(view.ops)}.`;
}

/* In the order of the map: classes, lists, places. */
function followNext(direction) {
	const pool = lead(), { s } = pool, n = view.pools[0].followedObject(), order = [];

	pool.meta.classes.forEach((cl, c) => {
		if (n !== undefined && pool.zclass[s.oz[n]] !== c && order.length > 1)
			return;
		for (let g = GROUPS - 1; g >= 0; g--)
			for (let z = s.head[c * GROUPS + g]; z >= 0; z = s.znext[z])
				for (let i = 0; i < cl.objs; i++)
					if (s.slot[pool.zbase[z] + i] >= SLOT_OBJECT)
						order.push(s.slot[pool.zbase[z] + i] - SLOT_OBJECT);
	});
	if (!order.length)
		return;
	const at = order.indexOf(n);
	followObject(pool, order[(at + (at < 0 ? 1 : direction) + order.length) % order.length]);
}

const KEYS = {
	ArrowRight: stepOn, ArrowLeft: stepBack, PageDown: () => jump(1), PageUp: () => jump(-1),
	Home: () => go(0), End: () => go(view.all), ' ': () => play(),
	n: () => followNext(1), p: () => followNext(-1),
	'.': () => moveSub(1), ',': () => moveSub(-1), '>': () => moveSub(1), '<': () => moveSub(-1),
};

function moveSub(d) {
	if (mostSteps())
		goSub((view.sub === null ? mostSteps() + 1 : view.sub) + d);
}

function bind() {
	$('slider').max = view.all;
	$('op').max = view.all;
	$('slider').oninput = e => go(+e.target.value);
	$('op').onchange = e => go(+e.target.value);
	$('follow-id').onchange = e => followId(+e.target.value);
	$('step').onclick = stepOn;
	$('back').onclick = stepBack;
	$('first').onclick = () => go(0);
	$('last').onclick = () => go(view.all);
	$('next-event').onclick = () => jump(1);
	$('prev-event').onclick = () => jump(-1);
	$('play').onclick = () => play();
	/* The address stays: what is behind its '#' is asked of the page. */
	$('to-words').onclick = e => {
		e.preventDefault();
		$('words').open = true;
		$('words').scrollIntoView();
		$('words').firstElementChild.focus();
	};
	document.addEventListener('keydown', e => {
		const input = /INPUT|SELECT|BUTTON/.test(e.target.tagName);
		const typed = e.target.tagName === 'INPUT' && e.target.type !== 'range';

		if (e.ctrlKey || e.altKey || e.metaKey || typed || !KEYS[e.key] ||
			(input && e.key === ' '))
			return;
		e.preventDefault();
		KEYS[e.key]();
	});
	let width = innerWidth;
	addEventListener('resize', () => {
		if (innerWidth !== width) {
			width = innerWidth;
			redraw();
		}
	});
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
		colours = {};
		redraw();
	});
}

function redraw() {
	for (const p of view.pools)
		p.drawCharts();
	draw();
}

/* ---- the beginning ---------------------------------------------------------------------- */

/* An object that the next compaction moves, in the class that it frees most pages of.
 * Return: is there one? It is drawn then. */
function followFirst() {
	const pool = lead(), event = pool.meta.events.find(e => e.ops_before === view.ops);

	if (!event || event.kind !== 'c')
		return false;
	pool.seek(view.ops + 1);
	const steps = pool.steps, freed = new Map();
	for (const step of steps)
		if (step.n === undefined) {
			const c = pool.zclass[step.gone];

			freed.set(c, (freed.get(c) || 0) + pool.meta.classes[c].pages);
		}
	const moves = steps.filter(s => s.n !== undefined);
	const gain = s => freed.get(pool.zclass[s.z]) || 0;
	const most = moves.reduce((all, s) => Math.max(all, gain(s)), 0);
	const move = moves.find(s => gain(s) === most);
	if (move)
		followObject(pool, move.n);
	return !!move;
}

/* What the address may ask for behind '#': op, sub, follow (an ID), by, step (times). */
function asked() {
	const ask = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

	if (ask.by)
		view.by = ask.by;
	if (ask.op !== undefined)
		go(+ask.op);
	if (ask.follow !== undefined)
		followId(+ask.follow);
	for (let i = +(ask.step || 0); i > 0; i--)
		stepOn();
	if (ask.sub !== undefined)
		choose({ sub: +ask.sub });
}

/* Before the compaction that frees most, as that is what the page is for. */
function firstOps(meta) {
	const events = meta.events.filter(e => e.kind === 'c');
	const most = Math.max(0, ...events.map(e => e.pages_freed));
	/* Of a long trace not a late one, as the way there takes time. */
	const event = events.find(e => e.pages_freed >= (meta.ops > 100000 ? most / 4 : most));

	return event && most ? event.ops_before : meta.ops;
}

function thinnedText(meta) {
	const m = meta.records.find(r => r.thinned_from || r.every > 1);

	const cut = meta.records.find(r => r.cut_off);
	const end = cut ? ` Only the first ${num(cut.ops)} operations are here: more would make ` +
		'this file larger than 20 MiB.' : '';
	if (!m)
		return end;
	return (m.every > 1 ? `Thinned out: a step is ${num(m.every)} operations` :
		'Each operation is a step') +
		(m.thinned_from ? `; from operation ${num(m.thinned_from)} on a step is more, at the end ` +
			`${num(m.last_every)} operations, so that this file stays below 20 MiB` : '') +
		'. Objects that were allocated and freed within a step are not shown.' + end;
}

async function begin() {
	const meta = JSON.parse($('meta').textContent), started = performance.now();

	$('title').textContent = meta.title;
	view.two = meta.records.length > 1;
	$('pools').classList.toggle('two', view.two);
	const pools = [];
	for (let i = 0; i < meta.records.length; i++)
		pools.push(new Pool(meta.records[i], await unpacked('samples-' + i).bytes));
	view.all = Math.max(...meta.records.map(r => r.ops));
	view.most = Math.max(1, ...pools.map(p => Math.max(...p.samples.map(s =>
		Math.max(s.resident, s.pages * p.meta.page_size)))));
	view.mostPages = Math.max(1, ...pools.flatMap(p =>
		p.samples.map(s => s.pages * p.meta.page_size)));
	pools.forEach((pool, i) => view.pools.push(new PoolView(pool, i, $('pools'))));
	const thinned = thinnedText(meta);
	$('thinned').textContent = thinned;
	$('thinned').hidden = !thinned;
	const corrected = meta.records.reduce((sum, r) => sum + r.corrections, 0);
	$('corrected').textContent = corrected ?
		`There the pool was other than the operations made it ${plural(corrected, 'time')}; ` +
		'what is shown is the pool.' : '';
	for (let i = 0; i < pools.length; i++)
		pools[i].input = new Numbers(await unpacked('stream-' + i).bytes);
	endUnpacking();
	view.isReady = true;
	bind();
	view.ops = firstOps(meta.records[0]);
	if (location.hash || !followFirst())
		draw();
	document.body.dataset.first = Math.round(performance.now() - started);
	setTimeout(() => {
		for (const p of view.pools) {
			p.drawCharts();
			p.cursor(p.pool.ops);
		}
		asked();
		document.body.dataset.ready = 'yes';
	});
}

begin().catch(e => {
	endUnpacking();
	$('now').textContent = 'This page cannot be shown: ' + e;
	document.body.dataset.ready = 'no';
});
