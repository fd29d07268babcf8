import Synchronization
import Values

/// Does the work of one effect type: a Swift adapter, a script's `defeffect`, a closure of the host, all alike (P26).
///
/// `start` must return soon: work that blocks belongs on a thread of the handler's own. It answers `completion` once,
/// from any thread, before or after returning. When the work is no longer wanted, the request's token says so; the
/// handler then stops what it does and may answer or not, since nothing is made of a late answer.
package protocol EffectHandler: Sendable {
    func start(_ request: EffectRequest, _ completion: Completion)

    /// Whether the work happens in fibers and on the request's clock alone, so that a virtual clock may jump while it is under
    /// way. False unless a handler says otherwise: then time stands until it has answered.
    var isVirtual: Bool { get }
}

extension EffectHandler {
    package var isVirtual: Bool { false }
}

/// A handler that is a closure.
package struct ClosureHandler: EffectHandler {
    private let body: @Sendable (EffectRequest, Completion) -> Void
    package let isVirtual: Bool

    package init(isVirtual: Bool = false, _ body: @escaping @Sendable (EffectRequest, Completion) -> Void) {
        self.body = body
        self.isVirtual = isVirtual
    }

    /// For work that is over at once.
    package static func immediate(_ body: @escaping @Sendable (EffectRequest) -> Outcome) -> ClosureHandler {
        ClosureHandler { request, completion in completion.finish(body(request)) }
    }

    package func start(_ request: EffectRequest, _ completion: Completion) { body(request, completion) }
}

/// One attempt at one effect, as its handler sees it.
package struct EffectRequest: Sendable {
    package let effect: Effect
    /// From 1; the effect's identity is the same in each.
    package let attempt: Int
    package let grants: Capabilities
    package let token: CancelToken
    package let clock: any Clock
    private let handle: EffectHandle
    /// Weak, because a handler that never answers must not keep a whole instance alive.
    private weak let driver: EngineDriver?
    private let listener: ProgressListener?
    private let listenerIndex: Int

    init(_ order: StartOrder, effect: Effect, grants: Capabilities, token: CancelToken, driver: EngineDriver) {
        self.effect = effect
        attempt = order.attempt
        handle = order.handle
        self.grants = grants
        self.token = token
        clock = driver.clock
        self.driver = driver
        listener = order.progress
        listenerIndex = order.progressIndex
    }

    /// Reports a part of a result that is still coming: an event, and the submitter's progress listener.
    package func report(_ part: Value) {
        guard !token.isCancelled else { return }
        driver?.events.emit(.effectProgress, effect.identity, .progress(effect, part))
        listener?(listenerIndex, part)
    }

    /// The handler waits for other effects, events, time or people from here on: others may have its slot (P19).
    package func park() { driver?.park(handle, attempt) }

    /// It could go on. `resume` is called, on any thread, as soon as there is a slot for it again; at once when the
    /// effect has ended meanwhile, so that the handler can clean up.
    package func unpark(_ resume: @escaping @Sendable () -> Void) {
        guard let driver else { return resume() }
        driver.unpark(handle, attempt, resume)
    }
}

/// Where a handler puts its answer. Only the first counts.
package final class Completion: Sendable {
    private let answered = Atomic<Bool>(false)
    private let deliver: @Sendable (Outcome) -> Void
    private let extra: @Sendable () -> Void

    package init(_ deliver: @escaping @Sendable (Outcome) -> Void, extra: @escaping @Sendable () -> Void = {}) {
        self.deliver = deliver
        self.extra = extra
    }

    package func finish(_ outcome: Outcome) {
        if answered.exchange(true, ordering: .acquiringAndReleasing) { extra() } else { deliver(outcome) }
    }

    package func succeed(_ value: Value) { finish(.ok(value)) }
    package func fail(_ error: EffectError) { finish(.error(error)) }
}

/// Says that work is no longer wanted: once, with a reason.
package final class CancelToken: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = SpinLock()
    private var reason: CancelReason?
    private var isClosed = false
    private var bodies: [@Sendable (CancelReason) -> Void] = []
    /// The driver's note of who has to hear that the attempt is over; set before anybody else has the token.
    var isOutside = false

    package init() {}

    /// Why it was cancelled, or nil.
    package var cancelled: CancelReason? { lock.withLock { reason } }
    package var isCancelled: Bool { cancelled != nil }

    /// Calls `body` once when this is cancelled: at once, on this thread, when it is already. Dropped uncalled when the
    /// work ends by itself.
    package func onCancel(_ body: @escaping @Sendable (CancelReason) -> Void) {
        let now: CancelReason? = lock.withLock {
            if reason == nil, !isClosed { bodies.append(body) }
            return reason
        }
        if let now { body(now) }
    }

    package func cancel(_ why: CancelReason) {
        let called = lock.withLock {
            guard reason == nil, !isClosed else { return [@Sendable (CancelReason) -> Void]() }
            reason = why
            defer { bodies = [] }
            return bodies
        }
        for body in called { body(why) }
    }

    /// The work is over: nobody has to be told any more.
    func close() {
        // Freed outside the lock: a body may hold anything.
        let dropped = lock.withLock {
            isClosed = true
            defer { bodies = [] }
            return bodies
        }
        _ = dropped
    }
}
