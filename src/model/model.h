/* model.h - what stands behind birefnet_model and birefnet_session. Private to the library's upper rooms. */
#ifndef BN_MODEL_MODEL_H
#define BN_MODEL_MODEL_H

#include "base/log.h"
#include "model/device.h"
#include "model/network.h"

struct birefnet_model {
    bn_weights *weights;
    bn_arch arch;
    bn_pack_store *packs; /* of the CPU */
    bn_log log;
    bn_isa isa;             /* of our own kernels */
    bn_type type, cpu_type; /* of operands; on the CPU, where the device has no room */
    bn_device device;
    birefnet_model_info info;
};

/* What a session of this model would need, without reading a weight or taking the memory: info and *weight_bytes, the
 * packed weights of this session alone. */
bn_status bn_session_estimate(birefnet_model *model, const birefnet_session_options *options,
                              birefnet_session_info *info, size_t *weight_bytes, bn_error *err);

/* ---- sessions ------------------------------------------------------------------------------------------------ */

/* float32 [batch][3][height][width]: fill before bn_session_run_inplace. */
float *bn_session_input(const birefnet_session *session);
/* float32 [batch][height][width]: valid after it, until the next. */
const float *bn_session_logits(const birefnet_session *session);
bn_status bn_session_run_inplace(birefnet_session *session, bn_error *err);

/* On a graphics card a photo may go there as bytes, uint8 [height][width][3], to be filled before bn_session_run_photo; the
 * network's mask then comes as uint8 [height][width], with how many logits are not a number. NULL on the CPU. */
uint8_t *bn_session_photo(const birefnet_session *session);
bn_status bn_session_run_photo(birefnet_session *session, bn_error *err);
const uint8_t *bn_session_mask(const birefnet_session *session);
size_t bn_session_broken(const birefnet_session *session, int picture);
double bn_session_card_ms(const birefnet_session *session); /* of the last run; 0 on a CPU */

/* The level of instructions that the session's model is held to. */
bn_isa bn_session_isa(const birefnet_session *session);

/* The graph, for statistics of its parts. */
const bn_graph *bn_session_graph(const birefnet_session *session);

#endif
