/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_html.c - a report of a simulated table in one HTML file, which needs no
 * network: the curves, a timeline of the holders of locks, the bugs that the
 * explorer found, the costs. Owns no state.
 *
 * The curves are drawn here. The page's own script draws timeline and bugs,
 * from data in the page.
 */
#include "tools/uzs.h"

#include "sim_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/json.h"
#include "tools/variants.h"

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<title>uzsmalloc on simulated CPUs</title>\n"
	"<style>\n"
	"body{font:14px/1.45 sans-serif;color:#222;background:#fff;"
	"max-width:1200px;margin:1.5em auto;padding:0 1em}\n"
	"h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}\n"
	"table{border-collapse:collapse;font-size:13px}\n"
	"th,td{padding:.2em .7em;border-bottom:1px solid #ddd;"
	"text-align:right;vertical-align:top}\n"
	"th{border-bottom:2px solid #555}\n"
	"td.t,th.t{text-align:left}\n"
	"td code{font-size:12px;word-break:break-all}\n"
	"#lanes text{font-size:11px}#key span{margin-right:1.2em}\n"
	"#key i{display:inline-block;width:1em;height:.8em;"
	"margin-right:.4em}\n"
	"button{margin-right:.4em}button.on{font-weight:bold}\n"
	"</style></head><body>\n";

static void put_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

static void put_results(const struct sim_table *t, FILE *out)
{
	fputs("<h2>Results</h2>\n<table id=\"results\"><thead><tr>"
	      "<th>CPUs</th><th>processes</th><th class=\"t\">scope</th>"
	      "<th class=\"t\">deferral</th><th>calls, ms</th><th>ratio</th>"
	      "<th>freed, ms</th><th>calls/µs</th><th>scaling</th>"
	      "<th>memory&nbsp;%</th><th>lines&nbsp;%</th>"
	      "<th>locks&nbsp;%</th><th>at once&nbsp;%</th></tr></thead>"
	      "<tbody>\n",
	      out);
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_cell *c = &t->cells[i];
		const struct sim_outcome *o = &t->outcomes[i];
		double scaling = sim_scaling(t, i);
		char scales[16] = "";

		if (scaling >= 0)
			snprintf(scales, sizeof(scales), "%.3f", scaling);
		fprintf(out,
			"<tr><td>%u</td><td>%u</td><td class=\"t\">%s</td>"
			"<td class=\"t\">%s</td><td>%.3f</td><td>%.2f</td>"
			"<td>%.3f</td><td>%.2f</td><td>%s</td><td>%.1f</td>"
			"<td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
			c->cpus, c->callers, sim_scope_name(c->scope),
			variant_defer_name(c->defer), sim_ms(o->call_ps),
			sim_ratio(t, i), sim_ms(o->back_ps),
			sim_calls_per_us(t, i), scales,
			100 * sim_share(t, i, o->run.line.memory_ps),
			100 * sim_share(t, i, o->run.line.moves_ps),
			100 * sim_share(t, i, o->run.time.lock_ps),
			100 * (double)(o->sync_busy + o->sync_full) /
				(double)o->ops);
	}
	fputs("</tbody></table>\n", out);
}

static void put_costs(const struct sim_costs *costs, FILE *out)
{
	fputs("<h2>What things cost</h2>\n<table id=\"costs\"><thead><tr>"
	      "<th class=\"t\">name</th><th>value</th><th class=\"t\">unit"
	      "</th><th class=\"t\">of</th><th class=\"t\">origin</th></tr>"
	      "</thead><tbody>\n",
	      out);
	for (int i = 0; i < SIM_NR_COSTS; i++) {
		enum sim_cost_id id = (enum sim_cost_id)i;

		fprintf(out,
			"<tr><td class=\"t\">%s</td><td>%g</td>"
			"<td class=\"t\">%s</td><td class=\"t\">%s</td>"
			"<td class=\"t\">%s: ",
			sim_cost_name(id), costs->value[i], sim_cost_unit(id),
			sim_cost_meaning(id), costs->origin[i]);
		put_text(costs->words[i], out);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
}

/* A script must not contain its own end tag. */
static void put_script_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("\\u003c", out);
		else
			putc(*text, out);
	}
}

/* [begin ns, end ns, lock, waits] for each CPU. */
static void put_timeline(const struct sim_timeline *line, FILE *out)
{
	u64 first = UINT64_MAX, last = 0;
	const char *comma = "";

	for (unsigned int i = 0; i < line->nr; i++) {
		first = min(first, line->spans[i].begin_ps);
		last = max(last, line->spans[i].end_ps);
	}
	fprintf(out, "{\"name\":\"%s, %s\",\"cpus\":%u,\"locks\":[",
		sim_scope_name(line->cell->scope),
		variant_defer_name(line->cell->defer), line->cell->cpus);
	for (unsigned int i = 0; i < SIM_MAX_LOCKS && line->lock[i][0]; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "", line->lock[i]);
	fputs("],\"spans\":[", out);
	for (unsigned int i = 0; i < line->nr; i++) {
		const struct sim_span *p = &line->spans[i];
		u64 end = p->end_ps ? p->end_ps : last;

		if (end < p->begin_ps)
			continue;
		fprintf(out, "%s[%.1f,%.1f,%u,%d,%u]", comma,
			(double)(p->begin_ps - first) / 1000,
			(double)(end - first) / 1000, p->lock, p->wait, p->cpu);
		comma = ",";
	}
	fputs("]}", out);
}

static const char script[] =
	"<script>\n"
	"'use strict';\n"
	"const $=id=>document.getElementById(id);\n"
	"const NS='http://www.w3.org/2000/svg';\n"
	"const el=(name,attrs,parent,text)=>{const e=document.createElementNS("
	"NS,name);for(const k in attrs)e.setAttribute(k,attrs[k]);"
	"if(text)e.textContent=text;if(parent)parent.append(e);return e};\n"
	"const palette=['#c0392b','#1f6fb2','#2e8b57','#b8860b','#7d3c98',"
	"'#16a085','#a04000','#5d6d7e','#d35fb7','#34495e'];\n"
	"const lines=JSON.parse($('timelines').textContent);\n"
	"let span=0,which=0;\n"
	"function lockColour(l,name){if(/class/.test(name))return palette[0];"
	"if(/pool/.test(name))return palette[1];"
	"if(/zone/.test(name))return palette[2];"
	"return palette[3+l%7]}\n"
	"function draw(){\n"
	" const t=lines[which],svg=$('lanes');svg.replaceChildren();\n"
	" const all=t.spans.reduce((m,s)=>Math.max(m,s[1]),1);\n"
	" const show=all/Math.pow(4,span),h=22,w=1040;\n"
	" svg.setAttribute('viewBox',`0 0 1160 ${t.cpus*h+30}`);\n"
	" for(let c=0;c<t.cpus;c++){el('text',{x:0,y:c*h+15},svg,'CPU '+c);\n"
	"  el('rect',{x:60,y:c*h+2,width:w,height:h-4,fill:'#f2f2f2'},svg)}\n"
	" const used=new Map();\n"
	" for(const [b,e,l,wait,c] of t.spans){if(b>show||c>=t.cpus)continue;\n"
	"  const name=t.locks[l]||'?',f=lockColour(l,name);\n"
	"  if(!/^page/.test(name))used.set(name,f);\n"
	"  const r=el('rect',{x:60+b/show*w,y:c*h+(wait?9:3),"
	"width:Math.max((Math.min(e,show)-b)/show*w,.4),height:wait?4:h-6,"
	"fill:f,opacity:wait?.45:.9,'class':wait?'wait':'hold'},svg);\n"
	"  el('title',{},r,`${name}: ${wait?'waits':'has it'} "
	"${(e-b).toFixed(0)} ns`)}\n"
	" for(let i=0;i<=5;i++)el('text',{x:60+i*w/5,y:t.cpus*h+16,"
	"'text-anchor':'middle'},svg,(show*i/5/1000).toFixed(2)+' µs');\n"
	" $('key').replaceChildren();\n"
	" for(const [n,f] of used){const s=document.createElement('span'),"
	"i=document.createElement('i');i.style.background=f;s.append(i,n);"
	"$('key').append(s)}\n"
	" [...$('choice').children].forEach((b,i)=>b.className=i==which?'on':'');"
	"\n}\n"
	"if(lines.length){lines.forEach((t,i)=>{const b=document.createElement("
	"'button');b.textContent=t.name;b.onclick=()=>{which=i;draw()};"
	"$('choice').append(b)});\n"
	" $('in').onclick=()=>{span=Math.min(span+1,5);draw()};\n"
	" $('out').onclick=()=>{span=Math.max(span-1,0);draw()};\n"
	" span=2;draw()}\n"
	"else $('timeline').textContent='No cell of at most 12 CPUs was "
	"simulated.';\n"
	"const rows=[];\n"
	"for(const file of document.querySelectorAll('.seeded-data')){\n"
	" let found=JSON.parse(file.textContent);\n"
	" if(!Array.isArray(found))found=found.results||found.variants||[found];"
	"\n"
	" for(const r of found)rows.push({variant:file.dataset.name,...r})}\n"
	"if(rows.length){\n"
	" const names=['variant','scenario','scope','defer','cpus',"
	"'preemptions','schedules','found','found_at','found_steps',"
	"'schedule'].filter(n=>rows.some(r=>r[n]!==undefined));\n"
	" const t=document.createElement('table');t.id='seeded-table';\n"
	" const h=t.createTHead().insertRow();for(const n of names){const c="
	"document.createElement('th');c.textContent=n.replace('_',' ');"
	"c.className='t';h.append(c)}\n"
	" const b=t.createTBody();for(const r of rows){const tr=b.insertRow();"
	"for(const n of names){const c=tr.insertCell();c.className='t';"
	"c.textContent=r[n]===undefined?'':r[n]}}\n"
	" $('seeded').append(t)}\n"
	"document.body.dataset.ready='yes';\n"
	"</script>\n";

/* The whole file, terminated by 0; NULL after a message. */
static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0, got;

	if (!in) {
		uzs_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		char *more = realloc(text, size + 65536 + 1);

		if (!more) {
			uzs_fail("%s: no memory", path);
			free(text);
			fclose(in);
			return NULL;
		}
		text = more;
		got = fread(text + size, 1, 65536, in);
		size += got;
	} while (got == 65536);
	text[size] = '\0';
	if (ferror(in) || !strchr("[{", text[strspn(text, " \t\r\n")]) ||
	    !size || strlen(text) != size) {
		uzs_fail("%s: is no result of uzs lab explore --json", path);
		free(text);
		text = NULL;
	}
	fclose(in);
	return text;
}

int sim_read_files(struct sim_files *files)
{
	for (unsigned int i = 0; i < files->nr; i++) {
		files->text[i] = read_file(files->path[i]);
		if (!files->text[i])
			return UZS_FAILED;
	}
	return 0;
}

/* A file's name without directory and .json. It names a result that does not
 * name itself. */
static void put_file_name(const char *path, FILE *out)
{
	const char *base = strrchr(path, '/');
	char name[64];
	size_t len;

	snprintf(name, sizeof(name), "%s", base ? base + 1 : path);
	len = strlen(name);
	if (len > 5 && !strcmp(name + len - 5, ".json"))
		name[len - 5] = '\0';
	put_text(name, out);
}

static void put_seeded(const struct sim_files *files, FILE *out)
{
	fputs("<h2>Wrong variants, and how they were found</h2>\n"
	      "<div id=\"seeded\">",
	      out);
	if (!files->nr)
		fputs("<p>No result of the explorer was given (--seeded FILE)."
		      "</p>",
		      out);
	fputs("</div>\n", out);
	for (unsigned int i = 0; i < files->nr; i++) {
		fputs("<script type=\"application/json\" class=\"seeded-data\" "
		      "data-name=\"",
		      out);
		put_file_name(files->path[i], out);
		fputs("\">", out);
		put_script_text(files->text[i], out);
		fputs("</script>\n", out);
	}
}

void sim_print_html(const struct sim_table *t, FILE *out)
{
	static const char *const what[] = { [SIM_RELEASE] = "frees",
					    [SIM_FREE] = "frees",
					    [SIM_READ] = "reads",
					    [SIM_REPLACE] = "replaces" };

	fputs(head, out);
	fprintf(out, "<h1>On simulated CPUs: %s</h1>\n<p>",
		sim_work_names[t->cells[0].work]);
	put_text(t->costs->platform, out);
	fprintf(out,
		". Each process %s its %u objects (sizes: %s) of one pool, "
		"all at once. Scaling is calls in a microsecond over those of "
		"one CPU, divided by the CPUs: 1 is perfect. The library's own code ran on virtual CPUs in "
		"virtual time; what is not modelled is in "
		"docs/lab-simulation.md.</p>\n"
		"<h2>By CPUs</h2>\n<div id=\"curves\">\n",
		what[t->cells[0].work], t->cells[0].objects, t->sizes_name);
	sim_print_svg(t, out);
	fputs("</div>\n<h2>Who has which lock</h2>\n<div id=\"timeline\">"
	      "<p>From the middle of the run on. High: has the lock; low and "
	      "pale: waits for it.</p>"
	      "<p id=\"choice\"></p><p><button id=\"in\">nearer</button>"
	      "<button id=\"out\">further</button></p>"
	      "<svg id=\"lanes\" xmlns=\"http://www.w3.org/2000/svg\"></svg>"
	      "<p id=\"key\"></p></div>\n"
	      "<script type=\"application/json\" id=\"timelines\">[",
	      out);
	for (unsigned int i = 0; i < t->nr_timelines; i++) {
		if (i)
			putc(',', out);
		put_timeline(&t->timelines[i], out);
	}
	fputs("]</script>\n", out);
	if (t->breakdowns) {
		fputs("<h2>Where the time of a call goes</h2>\n"
		      "<div id=\"breakdown\">\n",
		      out);
		sim_print_flame(t, out);
		fputs("</div>\n", out);
	}
	put_seeded(t->seeded, out);
	put_results(t, out);
	put_costs(t->costs, out);
	fputs(script, out);
	fputs("</body></html>\n", out);
}
