import Values

/// A handler that waits for the end of its own effect waits until its time limit ends it, or for ever. It is refused where that is
/// certain and easily seen: when the handler itself waits, for nothing in between.
extension EngineMachine {
    /// Why an attempt's handler cannot wait for the effect of this id: it is its own. Nil when it can.
    func refusal(of waiting: AttemptHandle, toWaitFor id: ValueKey) -> EffectError? {
        guard let own = running(waiting.effect, waiting.number), let slot = known(id), Int(slot) == own else {
            return nil
        }
        return EffectError(
            .waitsForItself,
            "the handler of \(id.shown) waits for its outcome, which is there only when the handler has returned; wait for it elsewhere"
        )
    }

    /// Throws when a batch cannot end before the effect in `own`, whose handler waits for it.
    func refuseWaiting(for own: Int, _ submission: Submission, _ plan: BatchPlan) throws(EffectError) {
        let effect = entries[own].effect
        for (position, place) in plan.places.enumerated() {
            guard case .known(let slot) = place, Int(slot) == own else { continue }
            let same =
                if let key = submission.effects[position].meta.idempotencyKey, key == effect.meta.idempotencyKey {
                    "the idempotency key \(key.shown)"
                } else {
                    "the id \(submission.effects[position].id.shown)"
                }
            throw EffectError(
                .waitsForItself,
                "the handler of \(effect.id.shown) performs an effect with \(same), which is its own, so it would wait for itself; give it another"
            )
        }
        for standing in plan.standing where standing.asks.contains(.dependencies) {
            for key in standing.effect.meta.dependsOn where plan.localGroup(key) == nil {
                guard let group = latestGroup[key],
                    entries[own].group == group || entries[own].adoptedBy.contains(group)
                else { continue }
                throw EffectError(
                    .waitsForItself,
                    "the handler of \(effect.id.shown) performs an effect that depends on the group \(key.shown), of which its own is a member, so it would wait for itself; submit it without waiting, or leave the group out"
                )
            }
        }
    }
}
