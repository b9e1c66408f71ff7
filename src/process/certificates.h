/*
 * certificates.h - the certificates that the master holds, by their files.
 *
 *	files ─► pair (what was last found fit) ─► set of a configuration ─► store ─fork─► worker
 *	change ────────► checked, replaced ─────► each set's store, and a parcel ────────► worker
 *
 * A pair of files is read and parsed once, however many configurations name it one after the other.
 * One that is found broken later on, half-written perhaps, changes nothing: the certificate before
 * stays in use until the files are whole.
 */
#ifndef USHERD_PROCESS_CERTIFICATES_H
#define USHERD_PROCESS_CERTIFICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/error.h"
#include "conf/snapshot.h"
#include "net/tls_server.h"

/* All pairs that some configuration uses. */
struct certificates;

struct certificate_pair;

/* Those of one configuration, by their numbers in the snapshot; all-zero is an empty set. */
struct certificate_set {
	struct link link;		/* in all, oldest first */
	struct certificates *all;
	const struct conf_snapshot *snapshot;
	struct certificate_pair **v;
	unsigned n;
	struct tls_store *store;	/* inherited by workers */
};

struct certificates *certificates_new(void);
void certificates_free(struct certificates *all);	/* all sets were given back */

/*
 * Finds or loads every pair of the snapshot, which must outlive the set.  One without a fit
 * certificate is an error and missing in the store; one that is broken now but was fit before is a
 * warning.
 */
void certificates_take(struct certificates *all, const struct conf_snapshot *s,
    struct certificate_set *set, struct conf_errors *errors);
void certificates_give(struct certificate_set *set);

/*
 * Looks at all files again and replaces what has changed and is fit for the hosts of the newest
 * set, with a line in the log for each change, and one for each content that is not.  Begins no
 * further pair after `turn_us` microseconds, but looks at one at least.  False if there are more:
 * then certificates_look_on() goes on from there.
 */
bool certificates_look(struct certificates *all, int64_t turn_us);
bool certificates_look_on(struct certificates *all, int64_t turn_us);

/* Warns, once each, of certificates that end within 30, 7 and 1 days, or ended. */
void certificates_warn_of_expiry(struct certificates *all, msec wall_ms);

/* Calls back with every path; the same one may come several times. */
void certificates_each_path(const struct certificates *all,
    void (*call)(void *arg, const char *path), void *arg);

/* Grows with each certificate that is replaced. */
uint64_t certificates_version(const struct certificates *all);

/* Nobody needs parcels of certificates up to that version any more: forgets the keys' text. */
void certificates_forget_parcels(struct certificates *all, uint64_t version);

/* Puts into the set's own store what was replaced, and calls `renew` for each. */
void certificate_set_refresh(struct certificate_set *set,
    void (*renew)(void *arg, unsigned index, struct tls_cert *cert), void *arg);

/* True if that certificate was replaced after `version`. */
bool certificate_set_changed(const struct certificate_set *set, unsigned index, uint64_t version);

/* A parcel of a certificate that was replaced; see cert_parcel.h.  -1 with errno. */
int certificate_set_parcel(const struct certificate_set *set, unsigned index);

#endif
