/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* model_rules.h - what model.c and model_ops.c have for each other. */
#ifndef UZS_MODEL_RULES_H
#define UZS_MODEL_RULES_H

#include "model.h"

/* The class of a request. */
struct m_class *m_class_for(struct model *m, unsigned int size);
/* What the calls do to the model. */
/* `c`: the class that it goes to. */
void m_malloc(struct model *m, struct m_object *o, struct m_class *c);
void m_free(struct model *m, struct m_object *o);
unsigned long m_compact(struct model *m); /* pages freed */
/* Fails the test if the pool is not as the model. */
void m_compare(struct model *m);

/* Reads, frees and forgets one. */
void m_free_live(struct model *m, unsigned int i);
/* Ends the read of a slot of `pinned`, if there is one. */
void m_unpin(struct model *m, unsigned int slot);

#endif
