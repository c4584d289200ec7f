/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* moves.js - a compaction or trim, step by step: what is done so far, in words, and why it
 * stops.
 */

Object.assign(PoolView.prototype, {
	findMoves() {
		const { pool } = this;

		if (!this.isEvent) {
			this.steps = null;
			return;
		}
		this.steps = pool.steps;
		this.subAt = view.sub === null ? this.steps.length :
			Math.min(view.sub, this.steps.length);
	},

	/* Is a compaction or trim shown between its beginning and its end? */
	inMoves() {
		return view.sub !== null && this.isEvent && !!this.steps;
	},

	/* What the steps are, in words; only those near the one that is shown. */
	drawMoves() {
		const e = this.moves, { pool, steps } = this;

		e.replaceChildren();
		if (!steps)
			return;
		const trim = pool.frameKind === 't', followed = this.followedObject();
		const at = this.subAt;
		html('h2', {}, e, `This ${trim ? 'trim' : 'compaction'}, step by step`);
		html('p', { 'class': 'count' }, e, view.sub === null ?
			`All of its ${plural(steps.length, 'step')} are done.` :
			`${num(at)} of its ${plural(steps.length, 'step')} done` +
			(at ? '.' : ': "step \u25b6" does the first.'));
		html('p', {}, e, trim ? 'Pages move out of sections with few used pages, so that whole ' +
			'sections become empty. Objects stay at their places in their zspages; only the ' +
			'PFN in their obj changes.' :
			'A step moves an object out of the emptiest zspage of a class (S, source) into the ' +
			'fullest that has room (D, destination), or frees a source that has become empty. ' +
			'It begins with the largest class. ' +
			'In the map a zspage stays where it is until its class is done; "was" before a ' +
			'group: not all that stand there are in it any more.');
		const box = html('div', { 'class': 'steps', tabindex: 0, role: 'region',
			'aria-label': 'List of steps' }, e);
		const from = Math.max(0, at - 40), to = Math.min(steps.length, at + 60);
		const list = html('ol', { start: from + 1 }, box);
		for (let i = from; i < to; i++) {
			const li = html('li', i === at - 1 ? { 'aria-current': 'step' } : {}, list,
				this.stepText(steps[i]));

			if (followed !== undefined && steps[i].n === followed)
				html('span', { 'class': 'mine' }, li, ' \u25bc the object followed');
			if (i === at - 1)
				setTimeout(() => { box.scrollTop = li.offsetTop - box.offsetTop - 60; });
		}
		if (trim)
			return;
		html('p', { 'class': 'stop' }, e, this.stopText());
		html('p', { 'class': 'whole' }, e, this.wholeText());
	},

	stepText(step) {
		const { pool } = this;

		if (step.page !== undefined)
			return `page ${step.which} of zspage ${step.page} moves to section ` +
				Math.floor(step.to / (pool.meta.section_bytes / pool.meta.page_size));
		if (step.n === undefined)
			return `zspage ${step.gone} of class ${pool.class(step.gone).index} is empty: ` +
				`${plural(pool.class(step.gone).pages, 'page')} freed`;
		return `class ${pool.class(step.z).index}: object ${pool.s.oid[step.n]} from ` +
			`zspage ${step.fromZ}, place ${step.fromPlace}, to zspage ${step.z}, place ` +
			`${step.place}`;
	},

	/* Why it leaves the class that it was in last: by what is left there. */
	stopText() {
		const { pool, steps } = this, last = steps[this.subAt - 1], next = steps[this.subAt];
		const classOf = step => pool.zclass[step.n === undefined ? step.gone : step.z];

		if (!last)
			return '';
		if (!next)
			return this.whyStops(classOf(last)) + ' No class is left.';
		return classOf(last) === classOf(next) ? '' :
			this.whyStops(classOf(last)) + ' The next class follows.';
	},

	/* What it has done as a whole, and why it stops: by all classes. */
	wholeText() {
		const { pool, steps } = this, { czspages, cinuse } = pool.s;
		const moves = nr => steps.slice(0, nr).filter(step => step.n !== undefined).length;
		const emptied = nr => steps.slice(0, nr).filter(step => step.gone !== undefined);
		const sum = nr => `${plural(moves(nr), 'object')} moved, ` +
			`${plural(emptied(nr).length, 'zspage')} emptied, ` +
			`${plural(emptied(nr).reduce((all, step) => all + pool.class(step.gone).pages, 0),
				'page')} freed`;
		const event = pool.meta.events.find(e => e.ops_before + 1 === pool.ops);
		/* There pages count from their first use on. */
		const used = event && pool.meta.profile === 'user' ?
			` (${num(event.pages_freed)} of them had been used)` : '';
		let few = 0, more = 0, bytes = 0;

		if (this.subAt < steps.length)
			return `So far: ${sum(this.subAt)}. At its end: ${sum(steps.length)}${used}.`;
		pool.meta.classes.forEach((cl, c) => {
			const free = czspages[c] * cl.objs - cinuse[c];

			few += free > 0 && free < cl.objs;
			more += free >= cl.objs;
			bytes += free * cl.size;
		});
		return (steps.length ? `The whole compaction: ${sum(steps.length)}${used}. ` :
			'This compaction moves nothing. ') + 'Why it stops: ' + (few || more ?
			(few ? `in ${few > 1 ? `each of ${num(few)} classes` : 'one class'} with free ` +
				'places they are fewer than one zspage has, so that no further zspage ' +
				'could become empty' : '') + (few && more ? '; ' : '') +
			(more ? `in ${plural(more, 'class', 'classes')} there are more, but no two zspages ` +
				'that have both objects and free places' : '') +
			`. ${size(bytes)} of free places stay in zspages that are in use.` :
			'no zspage has a free place.');
	},

	whyStops(c) {
		const { pool } = this, cl = pool.meta.classes[c];
		const free = pool.s.czspages[c] * cl.objs - pool.s.cinuse[c];

		return free < cl.objs ?
			`Class ${cl.index} stops here: ${plural(free, 'free place')} left, and a zspage ` +
			`has ${cl.objs}. No further zspage could become empty.` :
			`Class ${cl.index} stops here, although ${num(free)} places are free: no other ` +
			'zspage has both objects and free places.';
	},
});
