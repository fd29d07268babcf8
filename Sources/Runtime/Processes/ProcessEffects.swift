import Engine
import Machine
import Values

/// The effects on processes (L31–L41, P25): one table.
///
/// They go the way of scoped effects: an envelope with a scope, a controller, and an executor that is good for one command. None of
/// them reaches anything outside, so they need no grant, and none holds a slot: cancelling must not wait for what it cancels.
enum ProcessEffect: String, CaseIterable, Sendable {
    case start
    case list
    case transfer
    case deleteSession = "delete-session"
    case await
    case cancel
    case signal
    case event

    fileprivate typealias Param = EffectType.Param

    private var doc: String {
        switch self {
        case .start: "starts a process, unless one of this id and input is known; answers its row"
        case .list: "the rows of processes, in the order in which they were started"
        case .transfer: "moves what one session was granted to another"
        case .deleteSession:
            "takes a session's grants away and cancels what nobody else has a grant of; answers what it did"
        case .await: "waits for the end of a process; answers its output"
        case .cancel: "asks a process to end; answers its row"
        case .signal: "appends an event to those of a process; answers it"
        case .event:
            "waits for the nth event of a type among those of a process, past ones included; answers its payload"
        }
    }

    fileprivate var params: [Param] {
        func required(_ key: KnownName, _ type: EffectType.ParamType) -> Param { Param(key.name, type, required: true) }
        func optional(_ key: KnownName, _ type: EffectType.ParamType) -> Param { Param(key.name, type) }
        switch self {
        case .start:
            return [
                required(.run, .any), optional(.args, .vector), optional(.id, .string), optional(.session, .string),
                optional(.descriptor, .any),
            ]
        case .list: return [optional(.session, .string), optional(.mode, .keyword)]
        case .transfer: return [required(.from, .string), required(.to, .string), required(.ids, .vector)]
        case .deleteSession: return [required(.session, .string)]
        case .await: return [required(.id, .string)]
        case .cancel: return [required(.id, .string), optional(.reason, .string)]
        case .signal: return [required(.id, .string), required(.type, .any), optional(.payload, .any)]
        case .event: return [required(.id, .string), required(.type, .any), optional(.ordinal, .int)]
        }
    }

    /// What becomes of one whose run was interrupted: a signal that is repeated would be sent twice, the others change nothing by
    /// it.
    private var recovery: EffectType.Recovery { self == .signal ? .fail : .retry }

    /// - Parameter find: gives the functions that processes name.
    static func types(
        _ runtime: FiberRuntime, _ runner: ProcessWorkRunner, _ find: @escaping RunEffect.Finder
    ) -> [EffectType] {
        allCases.map { effect in
            EffectType(
                name: runtime.instance.names.intern("process/\(effect.rawValue)"), doc: effect.doc,
                params: effect.params, recovery: effect.recovery,
                // How long a process takes is up to that (P18).
                timeout: effect == .await || effect == .event ? .none : .engine, holdsSlot: false,
                handler: ProcessHandler(effect: effect, runtime: runtime, runner: runner, find: find))
        }
    }
}

/// Does one type of effect on processes.
struct ProcessHandler: EffectHandler {
    let effect: ProcessEffect
    unowned let runtime: FiberRuntime
    let runner: ProcessWorkRunner
    let find: RunEffect.Finder

    private var registry: any ProcessRegistry { runner.registry }

    var isVirtual: Bool { true }

    func start(_ request: EffectRequest) {
        do throws(ProcessRefusal) {
            try ProcessParams(effect: request.effect).refuseOthers(than: effect.params.map(\.key))
            switch effect {
            case .start: try begin(request)
            case .event: try listen(request)
            default: try perform(try command(request.effect), request)
            }
        } catch { request.fail(error.error) }
    }

    // MARK: Through the host (L9–L30)

    private func perform(_ command: ProcessCommand, _ request: EffectRequest) throws(ProcessRefusal) {
        if case .start(let registration, _) = command { runner.willStart(registration.id, request.identity) }
        try execute(.process(command), scope(of: command), LocalExecutor(.process(registry, request)), request) {
            [runner] outcome in
            if case .await(let id) = command { runner.wasHeard(id) }
            runner.tell(command, by: request.effect.id.value)
            return ProcessHandler.answer(outcome)
        }
    }

    private func execute(
        _ command: EffectCommand, _ scope: EffectScope, _ executor: LocalExecutor, _ request: EffectRequest,
        _ answer: @escaping @Sendable (EffectOutcome) -> Outcome
    ) throws(ProcessRefusal) {
        let scoped: ScopedController
        do throws(ControllerError) { scoped = try InlineHost().scoped(scope) } catch { throw ProcessRefusal(error) }
        let envelope = EffectEnvelope(scope: scope, identity: request.identity, command: command)
        scoped.controller.execute(envelope, executor) { result in
            do throws(ControllerError) {
                request.finish(answer(try result.get().expect(command.kind)))
            } catch { request.fail(error.effectError) }
        }
    }

    /// For whom a command is executed: a process, or the session that is deleted.
    private func scope(of command: ProcessCommand) -> EffectScope {
        switch command {
        case .start(let registration, _): .process(registration.id)
        case .await(let id), .cancel(let id, _), .signal(let id, _): .process(id)
        case .deleteSession(let session): .sessionDelete(session: session)
        case .list, .transfer: .runtimeOperation("process/\(effect.rawValue)")
        }
    }

    // MARK: Reading an effect

    private func command(_ effect: Effect) throws(ProcessRefusal) -> ProcessCommand {
        let read = ProcessParams(effect: effect)
        switch self.effect {
        case .list: return .list(session: try read.session(.session), mode: try read.mode)
        case .transfer:
            return .transfer(
                from: try read.session(.from) ?? "", to: try read.session(.to) ?? "", ids: try read.ids)
        case .deleteSession: return .deleteSession(read.text(.session) ?? "")
        case .await: return .await(read.text(.id) ?? "")
        case .cancel: return .cancel(read.text(.id) ?? "", reason: read.text(.reason))
        case .signal:
            let event = ProcessEvent(
                type: try read.eventType(isSent: true), payload: try read.data(.payload) ?? .nil)
            return .signal(read.text(.id) ?? "", event)
        case .start, .event: preconditionFailure("these have commands of their own")
        }
    }

    /// Starts a process once what it is to run was found, which takes a fiber, because it may mean loading a namespace.
    private func begin(_ request: EffectRequest) throws(ProcessRefusal) {
        let read = ProcessParams(effect: request.effect)
        let run = try read.run(among: runtime.engine?.typeNames ?? [], runtime.instance.names)
        let id = read.text(.id) ?? runtime.instance.random.uuid().description
        let arguments = try read.data(.args) ?? .vector([])
        let grant = try read.session(.session).map { (session) throws(ProcessRefusal) in
            ProcessGrant(session: session, descriptor: try read.data(.descriptor) ?? .nil)
        }
        let registration = ProcessRegistration(id: id, input: .record((.run, run), (.args, arguments)))
        let command = ProcessCommand.start(registration, grant: grant)
        guard let name = run.symbolName else { return try perform(command, request) }
        let find = find
        let look = Native(
            ":process/start", 0,
            control: { (_, _) throws(Fault) in .value(try ProcessParams.checked(find(name), name)) })
        let job = runtime.spawn(
            .native(look), scope: runtime.root, lineage: Lineage(of: request),
            completion: .call { result in
                guard case .success = result else { return request.finish(FunctionHandler.outcome(result)) }
                do throws(ProcessRefusal) { try perform(command, request) } catch { request.fail(error.error) }
            })
        request.onCancel(job)
    }

    private func listen(_ request: EffectRequest) throws(ProcessRefusal) {
        let read = ProcessParams(effect: request.effect)
        let (id, type) = (read.text(.id) ?? "", try read.eventType(isSent: false))
        let ordinal = request.effect[.ordinal]?.intValue ?? 1
        let key = "\(id):\(type):\(ordinal)"
        let wait = LocalExecutor.EventWait(
            key: key, registry: registry, process: id, type: type, ordinal: Int(clamping: ordinal), token: request)
        try execute(.awaitEvent(key: key), .process(id), LocalExecutor(.awaitEvent(wait)), request) { outcome in
            if case .awaitEvent(let payload) = outcome { .ok(payload) } else { .ok(.nil) }
        }
    }

    // MARK: Answers, as scripts see them

    private static func answer(_ outcome: EffectOutcome) -> Outcome {
        guard case .process(let outcome) = outcome else { return .ok(.nil) }
        switch outcome {
        case .start(let record), .cancel(let record): return .ok(record.value)
        case .list(let entries): return .ok(.vector(entries.map(\.value)))
        case .transfer: return .ok(.nil)
        case .deleteSession(let report): return .ok(report.value)
        case .signal(let event): return .ok(event.value)
        case .await(.done(let output)): return .ok(output)
        case .await(.failed(let code, let message, let data)):
            return .error(EffectError(code: code, message, data: data))
        case .await(.cancelled(let reason)):
            let why = reason.map { ": \($0)" } ?? ""
            return .error(
                EffectError(
                    code: ProcessHandler.cancelled, "the process was cancelled\(why)",
                    data: .record((.reason, reason.map { .string($0) } ?? .nil), dropNil: true)))
        }
    }

    /// Of the error that awaiting a cancelled process is: the waiting itself was not cancelled.
    private static let cancelled = "process_cancelled"
}

extension ProcessEntry {
    /// The row, with `:descriptor` when there is one.
    var value: Value { record.value(descriptor) }
}

extension ProcessRecord {
    var value: Value { value(.nil) }

    /// `{:id :status :input {:run :args} :events n :created-ts :started-ts :ended-ts}`, and what it came to: `:output`,
    /// `:error {:code :message :data}` or `:reason`. What is nil is left out.
    fileprivate func value(_ descriptor: Value) -> Value {
        var output = Value.nil
        if case .done(let value)? = end { output = value }
        func time(_ ms: Int64?) -> Value { ms.map { .int($0) } ?? .nil }
        return .record(
            (.id, .string(id)), (.status, .kw(status.name)), (.input, input), (.events, .int(events)),
            (.createdTs, .int(createdTs)), (.startedTs, time(startedTs)), (.endedTs, time(endedTs)),
            (.output, output), (.error, error), (.reason, reason), (.descriptor, descriptor), dropNil: true)
    }
}

extension ProcessRecord {
    /// `{:code :message :data}` of one that failed; else nil.
    var error: Value {
        guard case .failed(let code, let message, let data)? = end else { return .nil }
        return EffectError(code: code, message, data: data).value
    }

    /// Why it was cancelled, as a text, when somebody said so; else nil.
    var reason: Value {
        guard case .cancelled(let reason?)? = end else { return .nil }
        return .string(reason)
    }
}

extension ProcessEvent {
    var value: Value {
        .record((.sequence, .int(sequence)), (.type, .string(type)), (.payload, payload))
    }
}

extension ProcessSessionReport {
    var value: Value {
        .record(
            (.session, .string(session)), (.released, .vector(released.map { .string($0) })),
            (.cancelled, .vector(cancelled.map { .string($0) })))
    }
}
