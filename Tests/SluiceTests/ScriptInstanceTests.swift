import Sluice
import Testing

/// The language as a host program has it.
@Suite struct ScriptInstanceTests {
    @Test func valuesBecomeData() throws {
        let instance = try ScriptInstance()
        let found = try instance.evaluate("{:name \"a\" :sizes (map inc [1 2]) :ok true :ratio 1/2 :none nil}")
        #expect(
            found
                == .map([
                    .init(key: .keyword("name"), value: .string("a")),
                    .init(key: .keyword("sizes"), value: .list([.int(2), .int(3)])),
                    .init(key: .keyword("ok"), value: .bool(true)), .init(key: .keyword("ratio"), value: .other("1/2")),
                    .init(key: .keyword("none"), value: .null),
                ]))
    }

    /// The README shows this.
    @Test func theREADMEsExample() throws {
        let settings = try ScriptInstance(maxSteps: 1_000_000, grants: ["read=/etc/app"])
        let sizes = try settings.evaluate("(map #(* 2 %) [1 2])")
        assert(sizes == .list([.int(2), .int(4)]))
        #expect(sizes == .list([.int(2), .int(4)]))
    }

    @Test func instancesShareNothing() throws {
        let one = try ScriptInstance()
        let other = try ScriptInstance()
        _ = try one.evaluate("(def secret 42)")
        #expect(try one.evaluate("secret") == .int(42))
        let error = #expect(throws: ScriptError.self) { try other.evaluate("secret", name: "other.slu") }
        #expect(error?.description.contains("other.slu:1:1") == true)
    }

    /// N6: a configuration language cannot hang.
    @Test func budgetsEndIt() throws {
        let instance = try ScriptInstance(maxSteps: 100_000)
        let error = #expect(throws: ScriptError.self) {
            try instance.evaluate("(try (loop [] (recur)) (catch Throwable e :caught))")
        }
        #expect(error?.message.contains("instructions budget") == true)
    }

    @Test func nothingIsGrantedUnasked() throws {
        let instance = try ScriptInstance()
        let error = #expect(throws: ScriptError.self) { try instance.evaluate("(fs/read \"/etc/hostname\")") }
        #expect(error?.message.contains("--allow read=/etc/hostname") == true)
        #expect(throws: ScriptError.self) { try ScriptInstance(grants: ["raed=/etc"]) }
    }
}
