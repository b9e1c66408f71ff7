/*
 * control_commands.c - the commands of usherctl: who they are, and those about the processes.
 */
#include "process/control_commands.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/suggest.h"
#include "process/control_table.h"
#include "process/master_internal.h"
#include "process/version.h"

/* ---- generations */

static const char *const generation_states[] = { "starting", "serving", "draining" };

/* What the workers of a generation do now. */
struct load {
	unsigned workers, connections, requests, tunnels;
};

static struct load
load_of(const struct shm_core_data *core, uint32_t generation)
{
	struct load sum = { 0 };

	for (unsigned i = 0; i < SHM_WORKERS; i++) {
		const struct shm_worker *w = &core->workers[i];

		if (w->state == SHM_FREE || w->generation != generation)
			continue;
		sum.workers++;
		sum.connections += w->connections;
		sum.requests += w->exchanges;
		sum.tunnels += w->tunnels;
	}
	return sum;
}

static enum control_result
generations(struct master *m, struct control_request *r)
{
	static const struct control_column columns[] = {
		{ "GENERATION", "generation", true },
		{ "STATE", "state", false },
		{ "WORKERS", "workers", true },
		{ "CONNECTIONS", "connections", true },
		{ "REQUESTS", "requests", true },
		{ "TUNNELS", "tunnels", true },
	};
	struct control_table t;

	control_table_init(&t, columns, ARRAY_LEN(columns));
	LIST_EACH(link, &m->generations) {
		const struct generation *g = CONTAINER_OF(link, struct generation, link);
		struct load load = load_of(m->shm.core.data, g->number);

		control_table_number(&t, g->number);
		control_table_add(&t, str_of(generation_states[g->state]));
		control_table_number(&t, load.workers);
		control_table_number(&t, load.connections);
		control_table_number(&t, load.requests);
		control_table_number(&t, load.tunnels);
	}
	control_table_print(&t, r->json, &r->out);
	control_table_fini(&t);
	r->is_json = r->json;
	return CONTROL_OK;
}

/* ---- the rest */

static enum control_result
reload(struct master *m, struct control_request *r)
{
	if (m->state == MASTER_ENDING) {
		buf_cstr(&r->out, "usherd is ending\n");
		return CONTROL_FAILED;
	}
	/* One that is under way has read the file already: the next one counts. */
	control_wait(r, master_reloading(m) ? 2 : 1);
	master_reload(m);
	return CONTROL_LATER;
}

static enum control_result
version(struct master *m, struct control_request *r)
{
	const struct shm_core_data *core = m->shm.core.data;
	uint64_t started_s = core->started_wall_ms / 1000;
	uint64_t runs_s = (uint64_t)clock_wall_ms() / 1000 - started_s;

	if (r->json) {
		buf_printf(&r->out, "{\"version\": \"%s\", \"pid\": %d, \"generation\": %u,"
		    " \"started\": %" PRIu64 ", \"uptime\": %" PRIu64 ", \"reloads\": %" PRIu64
		    ", \"reload_failures\": %" PRIu64 "}\n", USHERD_VERSION, (int)getpid(),
		    core->generation, started_s, runs_s, core->reloads, core->reload_failures);
	} else {
		buf_printf(&r->out, "usherd %s, pid %d, generation %u, running for %" PRIu64 "d %"
		    PRIu64 "h %" PRIu64 "m %" PRIu64 "s\n", USHERD_VERSION, (int)getpid(),
		    core->generation, runs_s / 86400, runs_s / 3600 % 24, runs_s / 60 % 60,
		    runs_s % 60);
	}
	r->is_json = r->json;
	return CONTROL_OK;
}

static enum control_result
help(struct master *m, struct control_request *r)
{
	(void)m;
	control_usage_print(&r->out);
	return CONTROL_OK;
}

/* ---- dispatch */

static const struct {
	control_command_run *run;
	unsigned min, max;		/* words behind the name */
	bool changes;			/* something: it stands in the log */
} commands[COMMANDS] = {
	[COMMAND_SERVERS] = { control_servers_list, 0, 1, false },
	[COMMAND_DRAIN] = { control_servers_drain, 2, 2, true },
	[COMMAND_DISABLE] = { control_servers_disable, 2, 2, true },
	[COMMAND_ENABLE] = { control_servers_enable, 2, 2, true },
	[COMMAND_WEIGHT] = { control_servers_weight, 3, 3, true },
	[COMMAND_ADD] = { control_servers_add, 2, CONTROL_WORDS, true },
	[COMMAND_REMOVE] = { control_servers_remove, 2, 2, true },
	[COMMAND_RESET] = { control_servers_reset, 0, 2, true },
	[COMMAND_GENERATIONS] = { generations, 0, 0, false },
	[COMMAND_RELOAD] = { reload, 0, 0, true },
	[COMMAND_VERSION] = { version, 0, 0, false },
	[COMMAND_HELP] = { help, 0, 0, false },
};

/* What other programs call such a command, and what to use here. */
static const struct {
	struct str theirs;
	const char *ours;
} habits[] = {
	{ STR("list"), "servers" },
	{ STR("show"), "servers" },
	{ STR("start"), "usherd" },
	{ STR("stats"), "servers" },
	{ STR("status"), "servers; usherd -s status: whether it runs" },
	{ STR("stop"), "usherd -s quit" },
	{ STR("restart"), "reload" },
};

static enum control_result
unknown(struct control_request *r)
{
	char hint[CONF_SUGGEST_TEXT];
	struct conf_suggest s;

	for (size_t i = 0; i < ARRAY_LEN(habits); i++) {
		if (!str_eq(r->words[0], habits[i].theirs))
			continue;
		buf_printf(&r->out, "%.*s: no such command (use %s); help lists them\n",
		    STR_ARG(r->words[0]), habits[i].ours);
		return CONTROL_USAGE;
	}

	conf_suggest_init(&s, r->words[0]);
	for (unsigned i = 0; i < COMMANDS; i++)
		conf_suggest_offer(&s, str_of(control_usages[i].name));
	buf_printf(&r->out, "%.*s: no such command%s; help lists them\n", STR_ARG(r->words[0]),
	    conf_suggest_text(&s, hint));
	return CONTROL_USAGE;
}

static void
log_request(const struct control_request *r, bool changes)
{
	unsigned uid = r->from.uid;
	int pid = r->from.pid;

	if (changes)
		log_notice("control: uid %u, pid %d: %.*s", uid, pid, STR_ARG(r->line));
	else
		log_debug("control: uid %u, pid %d: %.*s", uid, pid, STR_ARG(r->line));
}

enum control_result
control_commands_run(void *arg, struct control_request *r)
{
	enum control_result result;
	unsigned i = 0;

	while (i < COMMANDS && !str_eq(r->words[0], str_of(control_usages[i].name)))
		i++;
	if (i == COMMANDS)
		return unknown(r);
	if (r->nwords - 1 < commands[i].min || r->nwords - 1 > commands[i].max) {
		buf_printf(&r->out, "usage: %s%s%s\n", control_usages[i].name,
		    control_usages[i].arguments[0] != '\0' ? " " : "", control_usages[i].arguments);
		return CONTROL_USAGE;
	}
	log_request(r, commands[i].changes);
	result = commands[i].run(arg, r);
	if (commands[i].changes && (result == CONTROL_FAILED || result == CONTROL_USAGE))
		log_notice("control: nothing changed: %.*s", STR_ARG(str_trim(buf_view(&r->out))));
	return result;
}
