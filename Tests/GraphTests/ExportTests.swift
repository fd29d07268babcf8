import Foundation
import Graph
import Testing
import Values

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// G4. The snapshots were read: they show each box and arrow of the texts beside them, and escape what would break out.
struct ExportTests {
    /// Everything that is drawn, with names that need escaping.
    static let text = """
        (defchannel :notes/found {:buffer 16 :buffer-type :sliding})
        (defchannel :a<b>& {:buffer 4 :put-mode :drop})
        (defworker :find {:kind :ticker :interval-ms 250 :output-chan :notes/found} [ctx n] n)
        (defworker :sum*up {:in :notes/found :output-chan :a<b>& :parallel 4 :durable? true} [ctx m] m)
        (defworker :ask {:in :a<b>& :expose? true :dispatch :thread :fail-chan :nowhere} [ctx m] m)
        (defphases :checkout {:phases [{:group :validate :effects [{:effect/type :a}]} {}]})
        (defsystem :greeter [world dt] world)
        (defsystem :leaver [world dt] world)
        """

    @Test(arguments: [ExportFormat.mermaid, .dot, .json]) func matchesItsSnapshot(_ format: ExportFormat) throws {
        let sample = try Sample(forms: Self.text)
        let text = sample.graph.export(format, title: "shop \"7\".slu")
        let file = testFolder.appending(path: "Snapshots/graph.\(format.rawValue)")
        if ProcessInfo.processInfo.environment["SLUICE_WRITE_SNAPSHOTS"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    }

    @Test func jsonIsJSON() throws {
        let sample = try Sample(forms: Self.text)
        let object = try JSONSerialization.jsonObject(with: Data(sample.graph.export(.json).utf8)) as? [String: Any]
        #expect((object?["nodes"] as? [Any])?.count == 11)
        #expect((object?["edges"] as? [Any])?.count == 8)
        let channels = (object?["graph"] as? [String: Any])?["channels"] as? [String: Any]
        #expect(Set(channels.map { Array($0.keys) } ?? []) == ["notes/found", "a<b>&"])
    }

    @Test func thePageIsWellFormedAndSelfContained() throws {
        let sample = try Sample(forms: Self.text)
        let page = sample.graph.export(.html, title: "<script>alert('x')</script>")
        for forbidden in ["<script", "href=", "src=", "url(http", "@import"] { #expect(!page.contains(forbidden)) }
        let start = try #require(page.range(of: "<svg")?.lowerBound)
        let end = try #require(page.range(of: "</svg>")?.upperBound)
        let reader = BoxReader()
        let parser = XMLParser(data: Data(page[start..<end].utf8))
        parser.delegate = reader
        #expect(parser.parse())
        #expect(reader.boxes == 11)
        #expect(reader.arrows == 8)
        #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"))
        #expect(page.contains(">:a&lt;b&gt;&amp;<"))
    }

    /// An arrow leads to a phase from each that it waits for: those that it names, or else the one before.
    @Test func phasesAreDrawnAsTheyWait() throws {
        let sample = try Sample(
            forms:
                "(defphases :p {:phases [{:group :a} {:group :b} {:group :c :depends-on [:a]} {:depends-on [:b :c]}]})")
        let object = try JSONSerialization.jsonObject(with: Data(sample.graph.export(.json).utf8)) as? [String: Any]
        let edges = try #require(object?["edges"] as? [[String: Any]])
        #expect(edges.count == 4)
    }

    @Test func nothingDeclaredIsDrawnToo() throws {
        let graph = Graph()
        #expect(graph.export(.html).contains("Nothing is declared."))
        #expect(graph.export(.json) == "{\"graph\":{},\"nodes\":[],\"edges\":[]}\n")
    }
}

/// Counts what is drawn.
private final class BoxReader: NSObject, XMLParserDelegate {
    var boxes = 0
    var arrows = 0

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        let classes = (attributes["class"] ?? "").split(separator: " ")
        if name == "g", classes.contains("box") { boxes += 1 }
        if name == "path", classes.contains("arrow") { arrows += 1 }
    }
}
