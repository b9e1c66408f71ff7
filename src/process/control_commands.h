/*
 * control_commands.h - what the commands of usherctl do.
 */
#ifndef USHERD_PROCESS_CONTROL_COMMANDS_H
#define USHERD_PROCESS_CONTROL_COMMANDS_H

#include "process/control.h"

struct master;

/* For control_new(); `arg` is the master. */
control_run control_commands_run;

/* control_list.c and control_servers.c: the commands about servers; words[0] is the command. */
typedef enum control_result control_command_run(struct master *m, struct control_request *r);

control_command_run control_servers_list;
control_command_run control_servers_drain;
control_command_run control_servers_disable;
control_command_run control_servers_enable;
control_command_run control_servers_weight;
control_command_run control_servers_add;
control_command_run control_servers_remove;
control_command_run control_servers_reset;

#endif
