import Compiler
import Engine
import Graph
import Machine
import Runtime
import Values

/// The graph of a session while it runs: started, watched until nothing can happen any more, stopped.
package final class Run: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let session: Session
    private let plan: SystemPlan
    private let system: WorkerSystem
    /// One change of the graph is applied after the other; guards `applied`.
    private let changing = Lock()
    /// What runs.
    private var applied: Graph
    private let lock = Lock()
    private var isStopping = false
    private var isStopped = false
    private var entry: CommandEntry?
    private let components: Components?
    /// How the world runs.
    private let running: World.Running

    /// How long what is in flight may take once a run is asked to stop.
    package static let graceMs: Int64 = 10_000
    /// How long `finally` blocks may take once what was in flight has been cancelled.
    package static let finallyMs: Int64 = 5_000
    /// Nanoseconds that answers over HTTP may take to be written once everything else has stopped.
    private static let answersNs: Int64 = 1_000_000_000

    /// Why exposed workers cannot be served; nothing has run yet.
    package struct Unserved: Error {
        package let fault: Fault
    }

    /// Plans the session's graph and makes its channels and workers.
    ///
    /// - Parameter http: a port of 127.0.0.1 on which exposed workers are served, or 0 for a free one.
    /// - Throws: `SystemPlan.Refusal` when the graph is wrong; `Fault` when a component is; `Unserved`.
    package init(_ session: Session, once: Bool, http: UInt16? = nil) throws {
        self.session = session
        plan = try SystemPlan(session.builder.graph, session.checkContext)
        applied = plan.graph
        for effect in plan.effects { session.engine.define(effect.type(session.runtime)) }
        session.configure(plan.settings)
        session.runtime.setMetas(plan.graph.metaMap)
        session.runtime.world.setSystems(plan.worldSystems)
        let output = session.options.errorOutput
        running = World.Running(
            tickMs: plan.settings.tickMs, step: try session.evaluator.builtIn("sluice.world", "step").root,
            say: { FiberRuntime.say($0, $1, to: output) })
        var spec = plan.workers
        var visible = Value.nil
        if let form = session.builder.components, let own = form.systems.first {
            let started = try Components(form, session)
            components = started
            (spec.isGuarded, spec.guardMs) = (own.isDevGuarded, own.guardMs)
            visible = try started.visible(to: own)
        } else {
            components = nil
        }
        system = try WorkerSystem(spec, components: visible, name: "script", isOnce: once, session.runtime)
        entry = try http.map { port in
            do throws(Fault) {
                return try CommandEntry(session, system, hasWorld: !plan.systems.isEmpty, port: port)
            } catch {
                throw Unserved(fault: error)
            }
        }
        session.runtime.running = system
    }

    /// What the script asks for and the run does not grant: each as a refusal that names the flag.
    package var refusals: [EffectError] { plan.needs.flatMap { $0.refusals(session.options.grants) } }

    /// Starts the workers and lends the thread until nothing can happen any more, until it was stopped, or until a budget ran
    /// out.
    ///
    /// - Parameter isKept: somebody may still send what nothing in the script does, as at a REPL; only a stop ends it then.
    package func run(isKept: Bool = false) {
        defer { session.runtime.running = nil }
        if !plan.systems.isEmpty { say("INFO", startLine) }
        system.start()
        session.runtime.world.start(running)
        defer { session.runtime.world.stop() }
        if isKept { session.runtime.scheduler.hold() }
        defer { if isKept { session.runtime.scheduler.release() } }
        if let entry {
            // What outside may still send keeps the run alive.
            session.runtime.scheduler.hold()
            for line in entry.lines { say("INFO", line) }
        }
        defer {
            if let entry { close(entry) }
            components?.stop()
        }
        session.builder.observe { [weak self] _, _ in self?.applyChanges() }
        // What was declared since the graph was planned: fibers that the script had started go on meanwhile.
        applyChanges()
        defer { session.applyDeclarations() }
        let isOver: @Sendable () -> Bool = { [self] in
            lock.withLock { isStopped } || session.runtime.exhaustion != nil
        }
        session.runtime.runUntilIdle(or: isOver)
        if lock.withLock({ isStopping }) {
            // Nothing could happen just before it was asked to stop: what that ends has to end first.
            session.runtime.runUntilIdle(or: isOver)
        } else {
            finish()
        }
    }

    /// What the world does and may do (P27).
    private var startLine: String {
        let engine = plan.settings.engine
        var parts = [
            "the world ticks every \(plan.settings.tickMs) ms", "at most \(engine.maxInflight) effects at once",
        ]
        let limits = engine.limits.map { ($0.key.description, $0.value) }.sorted { $0.0 < $1.0 }
        for (type, limit) in limits { parts.append("\(limit) of :\(type)") }
        parts.append(engine.timeoutMs.map { "each for \($0) ms at most" } ?? "each for as long as it takes")
        let watched = session.sources.shown
        if !watched.isEmpty { parts.append("watching \(watched.joined(separator: ", "))") }
        return parts.joined(separator: ", ")
    }

    /// Ends the serving of commands once the answers that are being written were given.
    private func close(_ entry: CommandEntry) {
        let scheduler = session.runtime.scheduler
        let deadline = scheduler.now() + Run.answersNs
        let timer = TimerToken()
        scheduler.schedule(at: deadline, .call(timer, { scheduler.attend() }))
        session.runtime.runUntilIdle(or: { entry.isQuiet || scheduler.now() >= deadline })
        timer.cancel()
        entry.stop()
        scheduler.release()
    }

    /// Asks the run to finish what is in flight, for `graceMs` at most. On any thread.
    package func stop(graceMs: Int64 = Run.graceMs) {
        // Until the end is under way, the run is not to be taken for idle.
        session.runtime.scheduler.hold()
        defer { session.runtime.scheduler.release() }
        guard
            lock.withLock({ () -> Bool in
                defer { isStopping = true }
                return !isStopping
            })
        else { return }
        // Nothing new comes in while what has come is finished.
        session.sources.endAll()
        session.runtime.world.stop()
        // Both begin at once, and whichever ends last ends the run.
        system.stop(graceMs: graceMs)
        session.letEffectsFinish(for: graceMs) { [self] in
            system.stop(graceMs: graceMs) { [self] in
                lock.withLock { isStopped = true }
                session.runtime.scheduler.attend()
            }
        }
    }

    // MARK: Changing while it runs (G3)

    /// Makes what runs what is declared now, node by node, and says what changed. A graph that could not be started is not
    /// applied: what runs goes on as it is until a later declaration makes it whole.
    private func applyChanges() {
        changing.withLock {
            let graph = session.builder.graph
            let changes = applied.changes(to: graph)
            guard !changes.isEmpty, !lock.withLock({ isStopping }) else { return }
            let plan: SystemPlan
            do throws(SystemPlan.Refusal) { plan = try SystemPlan(graph, session.checkContext) } catch {
                for finding in error.findings { say("WARN", "not changed yet: \(finding.title)") }
                return
            }
            // Workers find their channels in place; those that are closed are nobody's any more.
            func isOf(_ kind: DeclarationKind, _ change: GraphChange) -> Bool { change.id.kind == kind }
            for change in changes where isOf(.channel, change) && change.after != nil { apply(change, of: plan) }
            for change in changes where !isOf(.channel, change) { apply(change, of: plan) }
            for change in changes where isOf(.channel, change) && change.after == nil { apply(change, of: plan) }
            applied = graph
        }
    }

    private func apply(_ change: GraphChange, of plan: SystemPlan) {
        let name = change.id.name
        switch change.id.kind {
        case .channel:
            if let spec = plan.workers.channels.first(where: { $0.name == name }) {
                system.replace(spec)
            } else {
                system.removeChannel(name)
            }
        case .worker:
            if let spec = plan.workers.workers.first(where: { $0.name == name }) {
                system.replace(spec)
            } else {
                system.removeWorker(name)
            }
        case .effect:
            if let effect = plan.effects.first(where: { $0.name == name }) {
                session.engine.define(effect.type(session.runtime))
            }
        case .meta:
            session.runtime.setMetas(plan.graph.metaMap)
            // Workers that name it carry it along.
            for spec in plan.workers.workers { system.replace(spec) }
        case .system: session.runtime.world.setSystems(plan.worldSystems)
        case .configure: session.configure(plan.settings)
        default: break
        }
        session.runtime.events.emit(.graphChanged, system.identity, .value(.string(change.sentence)))
        say("INFO", change.sentence)
    }

    private func say(_ level: String, _ text: String) { session.runtime.say(level, text) }

    private func finish() {
        stop(graceMs: 0)
        session.runtime.runUntilIdle(or: { [self] in lock.withLock { isStopped } })
    }

    /// How often workers threw.
    package var errorCount: Int {
        guard case .map(let stats) = system.stats, let found = (try? stats.find(.kw(.errors))) ?? nil,
            case .map(let errors) = found
        else { return 0 }
        return errors.entries.reduce(0) { $0 + Int($1.value.intValue ?? 0) }
    }

    /// Those of them that nothing was printed of.
    package var handledFailures: HandledFailures { system.handledFailures }
}

extension SystemPlan {
    fileprivate var worldSystems: [WorldSystem] {
        systems.map { system in
            let place = system.place.map { TraceFrame(function: nil, source: $0.source, span: $0.span) }
            return WorldSystem(name: system.name, function: system.function, place: place)
        }
    }
}

extension Session {
    /// Whether the script declared something that runs.
    package var hasGraph: Bool {
        let graph = builder.graph
        return !graph.all(.worker).isEmpty || !graph.all(.system).isEmpty || !graph.all(.phases).isEmpty
    }

    /// What is wrong with the declarations, whether or not something in them runs.
    package var graphErrors: [Finding] { builder.graph.check(checkContext).filter { $0.severity == .error } }

    package var checkContext: CheckContext { checkContext(of: CheckedScript()) }

    /// What the checker is told beyond the declarations: the effect types, and what the other forms of the script tell.
    package func checkContext(of script: CheckedScript) -> CheckContext {
        CheckContext(facts: { CallGraph.facts($0) }, effectTypes: engine.typeNames, unseen: script.unseen)
            .reading(script.forms)
    }
}

extension CapabilityRequest {
    fileprivate func refusals(_ grants: Capabilities) -> [EffectError] {
        guard let what else { return [] }
        return what.compactMap { text in
            let need: Need? =
                switch kind {
                case .read: .read(path: text)
                case .write: .write(path: text)
                case .net:
                    .net(
                        host: String(text.split(separator: ":")[0]),
                        port: text.split(separator: ":").dropFirst().first.flatMap { Int($0) } ?? 0)
                case .run: .run(program: text)
                case .env: .env(text)
                case .mcp: .mcp(server: text)
                case .code, .all: nil
                }
            return need.flatMap { grants.refusal(of: $0) }
        }
    }
}
