import Graph
import Machine
import Runtime
import Testing
import Values

/// The D seed's configuration, spelled here as data (D9, D25).
struct SeedTests {
    static let configuration = """
        {:channels {:commands/in {:buffer 8}
                    :images/in {:buffer 4 :buffer-type :dropping :put-mode :drop}
                    :images/resize {:buffer 2}
                    :images/out {:buffer 4}
                    :workers/errors {:buffer 8}}
         :workers {:commands {:kind :command :in :commands/in :worker-fn my-app.workers/commands
                              :dispatch :thread :expose? true :fail-chan :workers/errors}
                   :image-download {:kind :command :in :images/in :worker-fn my-app.workers/image-download
                                    :dispatch :thread :expose? true}
                   :image-resize {:kind :command :in :images/resize :worker-fn my-app.workers/image-resize
                                  :dispatch :thread}
                   :image-store {:kind :command :in :images/store :worker-fn my-app.workers/image-store
                                 :output-chan :images/out :dispatch :thread}}}
        """

    static let functions = lookup(
        "my-app.workers/commands", "my-app.workers/image-download", "my-app.workers/image-resize",
        "my-app.workers/image-store")

    @Test(arguments: [true, false]) func hasItsOneError(_ isCodeThere: Bool) throws {  // D9
        let nowhere: FunctionLookup = { name in .unknownNamespace(name) }
        let sample = try Sample(data: Self.configuration, lookup: isCodeThere ? Self.functions : nowhere)
        let findings = sample.graph.check()
        let errors = findings.filter { $0.severity == .error }
        #expect(errors.map(\.title) == ["worker :image-store takes from `:images/store`, which is not declared"])
        #expect(errors.map { sample.text($0.place) } == [":images/store"])
        let flow: [FindingCode] = [.unreadChannel, .unreadChannel, .neverReceives]
        #expect(findings.filter { $0.severity == .warning && $0.code != .unresolvedFunction }.map(\.code) == flow)
        #expect(findings.filter { $0.code == .unresolvedFunction }.count == (isCodeThere ? 0 : 4))
    }

    @Test func startsOnceItsChannelIsDeclared() throws {  // D25
        let whole = Self.configuration.replacing(":images/out {", with: ":images/store {} :images/out {")
        let plan = try SystemPlan(try Sample(data: whole, lookup: Self.functions).graph)
        #expect(plan.workers.channels.map(\.name.description).contains("images/store"))
        let image = try #require(plan.workers.channels.first { $0.name.description == "images/in" })
        #expect(image.buffering == .dropping(4) && image.putMode == .drop)
        #expect(plan.workers.workers.map(\.dispatch) == [.thread, .thread, .thread, .thread])
    }

    @Test func refusesToStartWithAnError() throws {  // G2
        let graph = try Sample(data: Self.configuration, lookup: Self.functions).graph
        #expect(throws: SystemPlan.Refusal.self) { try SystemPlan(graph) }
    }

    /// Nobody can start what nobody has found, although `check` only warns of it.
    @Test func refusesToStartWithoutItsFunctions() throws {
        let graph = try Sample(data: "{:systems [{:id :s :fn other.place/greet}]}").graph
        do {
            _ = try SystemPlan(graph)
            Issue.record("it started")
        } catch { #expect(error.findings.map(\.code) == [.unresolvedFunction]) }
    }

    private static let components = """
        {:my-app.config.workers/definition
         {:channels {:commands/in {:buffer 8}}
          :workers {:commands {:kind :command :in :commands/in :worker-fn :my-app.workers/commands
                               :dispatch :thread :expose? true}}}
         :d-core.core.workers/system
         {:definition #ig/ref :my-app.config.workers/definition
          :components {:obs #ig/ref :my-app.observability/component}
          :dev-guard? true :guard-ms 50}
         :my-app.observability/component {}}
        """

    private func form(_ text: String) throws -> (form: ComponentForm, source: Source, names: Names) {
        let names = Names()
        let source = Source(name: "app.edn", bytes: Array(text.utf8))
        guard case .map(let map)? = try readEDN(source, names) else { throw NotAMap() }
        #expect(ComponentForm.recognises(.map(map)))
        return (ComponentForm(map), source, names)
    }

    private struct NotAMap: Error {}

    @Test func componentsStartInDependencyOrder() throws {  // D22
        let (form, _, names) = try form(Self.components)
        #expect(form.findings.map(\.title) == [])
        #expect(
            form.order.map(\.description) == [
                "my-app.config.workers/definition", "my-app.observability/component", "d-core.core.workers/system",
            ])
        let system = try #require(form.systems.first)
        #expect((system.isDevGuarded, system.guardMs) == (true, 50))
        let builder = GraphBuilder(names: names, lookup: Self.functions)
        try builder.load(data: system.definition)
        #expect(builder.graph.check().map(\.title) == [])
        #expect(builder.graph.names(of: .worker).map(\.description) == ["commands"])
        let reference = try system.components.find(names.keyword("obs")).flatMap { ComponentForm.reference($0) }
        #expect(reference?.description == "my-app.observability/component")
    }

    @Test(arguments: [
        (
            "{:app/s {:definition #ig/ref :app/defn} :app/def {}}", FindingCode.missingComponent,
            ":app/s refers to `:app/defn`, which is not configured", ":app/defn"
        ),
        (
            "{:app/s {:definition {} :components {:a #ig/ref :app/t}} :app/t {:peer #ig/ref :app/s}}", .cycle,
            "components refer to one another in a circle: :app/s → :app/t → :app/s", ":app/s"
        ),
        (
            "{:app/s {:definition {} :guard 5}}", .unknownKey, ":app/s has no key `:guard`", ":guard"
        ),
        (
            "{:app/s {:definition {}} :app/t {:definition {}}}", .secondSystem,
            ":app/t is a second system beside :app/s", ":app/t"
        ),
        // D22
    ]) func componentFaultsAreFound(_ text: String, _ code: FindingCode, _ title: String, _ place: String) throws {
        let (form, _, _) = try form(text)
        #expect(form.findings.map(\.code) == [code])
        #expect(form.findings.map(\.title) == [title])
        let found = try #require(form.findings.first?.place)
        let pointed = String(decoding: found.source.bytes[Int(found.span.start)..<Int(found.span.end)], as: UTF8.self)
        #expect(pointed.hasSuffix(place))
    }

    @Test func aGraphIsNotTheComponentForm() throws {
        let source = Source(name: "a.edn", bytes: Array(Self.configuration.utf8))
        let data = try #require(try readEDN(source, Names()))
        #expect(!ComponentForm.recognises(data))
    }
}
