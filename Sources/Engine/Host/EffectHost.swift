/// How long what a host recorded lives.
package enum DurabilityTier: String, CaseIterable, Sendable {
    /// As long as the process.
    case inline
    /// In a file on this machine.
    case local
    /// On several machines.
    case replicated
}

/// Executes effects for a scope (L9–L13).
package protocol EffectController: Sendable {
    var durability: DurabilityTier { get }
    var requiresDurableAttachmentStore: Bool { get }
    /// Answers once, on any thread. A durable controller may ignore `local` and replay what it recorded.
    func execute(_ envelope: EffectEnvelope, _ local: LocalExecutor, _ answer: @escaping EffectAnswer)
}

extension EffectController {
    package var durability: DurabilityTier { .inline }
    package var requiresDurableAttachmentStore: Bool { false }
}

/// A controller and the scope it serves; it cannot be made for a scope with a blank id.
package struct ScopedController: Sendable {
    package let controller: any EffectController
    package let scope: EffectScope

    package init(_ controller: any EffectController, _ scope: EffectScope) throws(ControllerError) {
        try scope.validate()
        self.controller = controller
        self.scope = scope
    }

    package var scopeID: String { scope.id }
    package var turnID: String? { scope.turnID }
}

/// Makes controllers for scopes: one per deployment.
package protocol EffectHost: Sendable {
    var durability: DurabilityTier { get }
    var requiresDurableAttachmentStore: Bool { get }
    func scoped(_ scope: EffectScope) throws(ControllerError) -> ScopedController
    /// A controller that outlives the call that asked for it; nil when the host has none.
    func scopedStatic(_ scope: EffectScope) throws(ControllerError) -> ScopedController?
}

extension EffectHost {
    package var durability: DurabilityTier { .inline }
    package var requiresDurableAttachmentStore: Bool { false }
    package func scopedStatic(_ scope: EffectScope) throws(ControllerError) -> ScopedController? { nil }

    /// L13: what a durable host relies on must be as durable as it is.
    package func check(storeTier: DurabilityTier) throws(ControllerError) {
        guard durability != .inline, storeTier == .inline else { return }
        throw .store(
            "a durable host needs a durable store, but this one keeps its data in memory; run with --durable FILE")
    }
}

/// Executes everything here and now. Process commands only write the registry's rows: a runner with a lease executes
/// them.
package struct InlineController: EffectController {
    package init() {}

    package func execute(_ envelope: EffectEnvelope, _ local: LocalExecutor, _ answer: @escaping EffectAnswer) {
        guard case .process(let command) = envelope.command else { return local.execute(envelope, answer) }
        do {
            let (registry, token) = try local.intoProcess()
            let withdraw = registry.execute(command) { answer($0.map { .process($0) }) }
            // Whoever is no longer interested need not be kept until the process ends.
            token.onCancel { _ in withdraw() }
        } catch {
            answer(.failure(error))
        }
    }
}

/// The host of a single process.
package struct InlineHost: EffectHost {
    private let controller: any EffectController

    package init(_ controller: any EffectController = InlineController()) { self.controller = controller }

    package var durability: DurabilityTier { controller.durability }
    package var requiresDurableAttachmentStore: Bool { controller.requiresDurableAttachmentStore }

    package func scoped(_ scope: EffectScope) throws(ControllerError) -> ScopedController {
        try ScopedController(controller, scope)
    }

    package func scopedStatic(_ scope: EffectScope) throws(ControllerError) -> ScopedController? {
        try ScopedController(controller, scope)
    }
}
