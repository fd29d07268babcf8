import Synchronization
import Values

/// Does the work of one effect type: a Swift adapter, a script's `defeffect`, a closure of the host, all alike (P26).
///
/// `start` must return soon: work that blocks belongs on a thread of the handler's own. It answers the request once,
/// from any thread, before or after returning. When the work is no longer wanted, the request says so (`onCancel`); the
/// handler then stops what it does and may answer or not, since nothing is made of a late answer.
package protocol EffectHandler: Sendable {
    func start(_ request: EffectRequest)

    /// Whether the work happens in fibers and on the request's clock alone, so that a virtual clock may jump while it is under
    /// way. False unless a handler says otherwise: then time stands until it has answered.
    var isVirtual: Bool { get }
}

extension EffectHandler {
    package var isVirtual: Bool { false }
}

/// A handler that is a closure.
package struct ClosureHandler: EffectHandler {
    private let body: @Sendable (EffectRequest) -> Void
    package let isVirtual: Bool

    package init(isVirtual: Bool = false, _ body: @escaping @Sendable (EffectRequest) -> Void) {
        self.body = body
        self.isVirtual = isVirtual
    }

    /// For work that is over at once.
    package static func immediate(_ body: @escaping @Sendable (EffectRequest) -> Outcome) -> ClosureHandler {
        ClosureHandler { request in request.finish(body(request)) }
    }

    package func start(_ request: EffectRequest) { body(request) }
}

/// One attempt at one effect, as its handler sees it. It is its own token of cancellation, and where its answer goes: one
/// object, for there are many attempts.
package final class EffectRequest: CancelToken, @unchecked Sendable {
    // Sendable: `isOutside` is set before the handler sees it, and so is `order`, in which only the handler changes the effect and
    // only it looks at that; the token guards what it has; the rest is immutable.
    @exclusivity(unchecked) var order: StartOrder
    private let line: DriverLine
    /// Whether somebody has to hear when the attempt is over; set before the handler sees it.
    @exclusivity(unchecked) var isOutside = false
    private let answered = Atomic<Bool>(false)

    init(_ order: consuming StartOrder, _ line: DriverLine) {
        self.order = order
        self.line = line
    }

    /// Who submits what the handler performs: the effect, or, where that may be tried again, the attempt, whose effects are not those
    /// of the one before (J: `:retry`).
    package var identity: Identity {
        effect.isRetried ? effect.identity.child(.attempt, ordinal: attempt - 1) : effect.identity
    }

    package var effect: Effect { order.effect }
    /// Effects with the same idempotency key whose parameters are to be merged into this one's before anything else is done, in
    /// their order; only for a type that merges itself (J21).
    package var parts: [Effect] { order.parts }
    /// From 1; the effect's identity is the same in each.
    package var attempt: Int { order.attempt }
    package var handle: AttemptHandle { AttemptHandle(effect: order.handle, number: order.attempt) }
    package var grants: Capabilities { line.grants }
    package var clock: any Clock { line.clock }

    /// Takes the parameters that the handler has made of the effect's and its parts': from here on they are the effect's, also in
    /// events and for whoever asks why. Gives what is wrong with them, which the handler then answers with.
    package func merge(_ params: HashMap) -> EffectError? {
        order.effect = effect.replacing(parameters: params)
        return line.driver?.merged(self, effect)
    }

    /// Why the handler cannot wait for the effect of this id: it is its own. Nil when it can.
    package func refusal(toWaitFor id: ValueKey) -> EffectError? { line.driver?.refusal(of: handle, toWaitFor: id) }

    /// Takes the answer. Only the first counts.
    package func finish(_ outcome: Outcome) {
        let isFirst = !answered.exchange(true, ordering: .acquiringAndReleasing)
        if isFirst { close() }
        guard let driver = line.driver else { return }
        if isFirst {
            driver.complete(self, outcome)
        } else {
            driver.events.emit(.effectExtraAnswer, effect.identity, .effect(effect))
        }
    }

    package func succeed(_ value: Value) { finish(.ok(value)) }
    package func fail(_ error: EffectError) { finish(.error(error)) }

    /// Reports a part of a result that is still coming: an event, and the submitter's progress listener.
    package func report(_ part: Value) {
        guard !isCancelled else { return }
        line.driver?.events.emit(.effectProgress, effect.identity, .progress(effect, part))
        order.tellProgress(part)
    }

    /// The handler waits for other effects, events, time or people from here on: others may have its slot (P19).
    package func park() { line.driver?.park(order.handle, attempt) }

    /// It could go on. `resume` is called, on any thread, as soon as there is a slot for it again; at once when the
    /// effect has ended meanwhile, so that the handler can clean up.
    package func unpark(_ resume: @escaping @Sendable () -> Void) {
        guard let driver = line.driver else { return resume() }
        driver.unpark(order.handle, attempt, resume)
    }
}

/// The way from the attempts of a driver to it. It does not hold the driver, because a handler that never answers must not keep
/// a whole instance alive.
final class DriverLine: @unchecked Sendable {
    // Sendable: `driver` is set once, before the first attempt; the rest is immutable.
    weak var driver: EngineDriver?
    let clock: any Clock
    let grants: Capabilities

    init(_ clock: any Clock, _ grants: Capabilities) {
        self.clock = clock
        self.grants = grants
    }
}

/// What is told that work is no longer wanted.
package protocol CancelListener: AnyObject, Sendable {
    func cancel(_ why: CancelReason)
}

/// Says that work is no longer wanted: once, with a reason.
package class CancelToken: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = SpinLock()
    private var reason: CancelReason?
    private var isClosed = false
    private var listener: (any CancelListener)?
    private var bodies: [@Sendable (CancelReason) -> Void] = []

    package init() {}

    /// Why it was cancelled, or nil.
    package final var cancelled: CancelReason? { lock.withLock { reason } }
    package final var isCancelled: Bool { cancelled != nil }

    /// Calls `body` once when this is cancelled: at once, on this thread, when it is already. Dropped uncalled when the
    /// work ends by itself.
    package final func onCancel(_ body: @escaping @Sendable (CancelReason) -> Void) {
        lock.acquire()
        let now = reason
        if now == nil, !isClosed { bodies.append(body) }
        lock.release()
        if let now { body(now) }
    }

    /// The same for an object that is told: one of it, which needs no closure.
    package final func onCancel(_ new: any CancelListener) {
        lock.acquire()
        let now = reason
        let isTaken = now == nil && !isClosed && listener == nil
        if isTaken { listener = new }
        lock.release()
        if !isTaken { onCancel { new.cancel($0) } }
    }

    package final func cancel(_ why: CancelReason) {
        lock.acquire()
        guard reason == nil, !isClosed else { return lock.release() }
        reason = why
        let called = takeBodies()
        lock.release()
        called.listener?.cancel(why)
        for body in called.bodies { body(why) }
    }

    /// The work is over: nobody has to be told any more.
    final func close() {
        lock.acquire()
        isClosed = true
        // Freed outside the lock: a body may hold anything.
        let dropped = takeBodies()
        lock.release()
        _ = dropped
    }

    /// Under the lock.
    private func takeBodies() -> (listener: (any CancelListener)?, bodies: [@Sendable (CancelReason) -> Void]) {
        let taken = (listener, bodies)
        listener = nil
        if !bodies.isEmpty { bodies = [] }
        return taken
    }
}
