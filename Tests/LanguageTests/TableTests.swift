import Machine
import Stdlib
import Testing

/// The tables that names are looked up in: primitives, and the index of the embedded library.
@Suite struct TableTests {
    @Test func primitivesAreNamedOnce() {
        var seen: Set<String> = []
        for name in Primitives.all.names { #expect(seen.insert(name).inserted, "\(name) stands in the tables twice") }
        #expect(seen.count > 400)
    }

    @Test func everyPrimitiveIsFound() {
        for name in Primitives.all.names {
            // The namespace ends at the first slash; `/` is a name, too.
            let slash = name.firstIndex(of: "/")!
            let found = Primitives.find(
                namespace: String(name[..<slash]), name: String(name[name.index(after: slash)...]))
            #expect(found != nil, "\(name)")
        }
        #expect(Primitives.find(namespace: "clojure.core", name: "no-such-name") == nil)
        #expect(Primitives.find(namespace: "no.such", name: "conj") == nil)
        #expect(Primitives.find(namespace: "clojure.core", name: "") == nil)
    }

    /// A definition of the library hides a primitive of the same name: one of them would be dead.
    @Test func noNameIsDefinedTwice() {
        for namespace in Stdlib.namespaces {
            let both = Set(Stdlib.names(in: namespace)).intersection(Primitives.all.names(in: namespace))
            #expect(both.isEmpty, "\(namespace): \(both.sorted())")
        }
    }

    @Test func everyDefinitionIsFound() {
        #expect(Stdlib.namespaces.contains("clojure.core"))
        for namespace in Stdlib.namespaces {
            let names = Stdlib.names(in: namespace)
            #expect(!names.isEmpty)
            for name in names {
                let entry = Stdlib.find(namespace: namespace, name: name)
                #expect(
                    entry.map { !$0.source.isEmpty && $0.line > 0 && $0.file.hasSuffix(".slu") } == true,
                    "\(namespace)/\(name)")
            }
        }
    }

    @Test(arguments: ["", "a", "zzz", "map ", "ma", "mapp", "->>>>", "\u{7f}"]) func otherNamesAreNotFound(name: String)
    {
        #expect(Stdlib.find(namespace: "clojure.core", name: name) == nil)
        #expect(Stdlib.find(namespace: name, name: "map") == nil)
        #expect(Stdlib.names(in: name).isEmpty)
    }
}
