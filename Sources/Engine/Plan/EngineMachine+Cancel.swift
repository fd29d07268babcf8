import Values

/// Who submits: effects are found by it and by everything above it, so that what ends takes what it began along.
struct ScopeNode: Sendable {
    /// Nil of a node that is free.
    var identity: Identity?
    var parent: Int32 = -1
    /// Its place in the parent's `children`.
    var placeInParent = 0
    var children: [Int32] = []
    var effects = LiveHandles()
}

extension EngineMachine {
    mutating func cancel(_ selector: CancelSelector, _ reason: CancelReason, by: Value?) {
        let found: [EffectHandle]
        switch selector {
        case .id(let id): found = known(id).map { [handle($0)] } ?? []
        case .handle(let handle): found = [handle]
        case .group(let group): found = liveByGroup[group]?.handles ?? []
        case .tag(let tag): found = liveByTag[tag]?.handles ?? []
        case .scope(let identity): found = handles(within: identity)
        case .all: found = entries.indices.map { handle(Int32($0)) }
        }
        for handle in found { work.append(.cancel(handle, reason, by: by)) }
    }

    mutating func cancelOne(_ handle: EffectHandle, _ reason: CancelReason, by: Value?) {
        guard let slot = slot(handle), entries[slot].state != .ended else { return }
        if entries[slot].state == .running {
            actions.append(.cancelRunning(handle, attempt: entries[slot].attempt, reason))
        }
        let effect = entries[slot].effect
        finish(slot, .cancelled, .error(.cancelled(reason, by: by)), reason: reason, by: by)
        cancelChildren(of: effect)
    }

    /// What the handler of an effect submitted is of no use to anyone when the effect was cancelled or timed out.
    mutating func cancelChildren(of effect: Effect) {
        for handle in handles(within: effect.identity, isShallow: true) {
            work.append(.cancel(handle, .parent, by: effect.id.value))
        }
    }

    /// The live effects submitted by this identity or from below it, in submission order.
    ///
    /// - Parameter isShallow: leaves out what other live effects among them submitted, which goes with those. Or a chain of
    ///   effects, each performed by the one before, would be gone through anew from each link.
    private func handles(within identity: Identity, isShallow: Bool = false) -> [EffectHandle] {
        guard let root = scopeByIdentity[identity] else { return [] }
        var found: [EffectHandle] = []
        var pending = [root]
        while let node = pending.popLast() {
            let live = scopes[Int(node)].effects.handles.filter { isLive($0) }
            found += live
            guard isShallow, !live.isEmpty else {
                pending += scopes[Int(node)].children
                continue
            }
            let known = Set(live.map { entries[Int($0.slot)].effect.identity })
            pending += scopes[Int(node)].children.filter { !(scopes[Int($0)].identity.map(known.contains) ?? false) }
        }
        return found.sorted { entries[Int($0.slot)].submission < entries[Int($1.slot)].submission }
    }

    mutating func enterScope(_ slot: Int) {
        let scope = scopeNode(entries[slot].effect.parent)
        entries[slot].scope = scope
        latestScope = scope
        scopes[Int(scope)].effects.add(handle(Int32(slot)))
    }

    /// The effect counts as ended already.
    mutating func leaveScope(_ slot: Int) {
        let scope = entries[slot].scope
        guard scope >= 0 else { return }
        entries[slot].scope = -1
        if scopes[Int(scope)].effects.removeOne() {
            EngineMachine.sweep(&scopes[Int(scope)].effects, entries)
        }
        removeIfEmpty(scope)
    }

    /// The node of an identity, made with those above it when missing.
    private mutating func scopeNode(_ identity: Identity) -> Int32 {
        // Those of a batch come from one.
        if Int(latestScope) < scopes.count, scopes[Int(latestScope)].identity === identity { return latestScope }
        if let known = scopeByIdentity[identity] { return known }
        var missing = [identity]
        var above = identity.parent
        while let here = above, scopeByIdentity[here] == nil {
            missing.append(here)
            above = here.parent
        }
        var parent = above.flatMap { scopeByIdentity[$0] } ?? -1
        for identity in missing.reversed() {
            let node = freeScopes.popLast() ?? Int32(scopes.count)
            if Int(node) == scopes.count { scopes.append(ScopeNode()) }
            scopes[Int(node)].identity = identity
            scopes[Int(node)].parent = parent
            if parent >= 0 {
                scopes[Int(node)].placeInParent = scopes[Int(parent)].children.count
                scopes[Int(parent)].children.append(node)
            }
            scopeByIdentity[identity] = node
            parent = node
        }
        return parent
    }

    private mutating func removeIfEmpty(_ scope: Int32) {
        var node = scope
        while node >= 0, scopes[Int(node)].effects.live == 0, scopes[Int(node)].children.isEmpty {
            let parent = scopes[Int(node)].parent
            let place = scopes[Int(node)].placeInParent
            if let identity = scopes[Int(node)].identity { scopeByIdentity[identity] = nil }
            scopes[Int(node)] = ScopeNode()
            freeScopes.append(node)
            if parent >= 0, let last = scopes[Int(parent)].children.popLast(), last != node {
                scopes[Int(parent)].children[place] = last
                scopes[Int(last)].placeInParent = place
            }
            node = parent
        }
    }
}
