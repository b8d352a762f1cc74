"""What becomes of a program: references, names, order, guards, secrets, files, lookups, outputs."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from private_inference.runner.project import load_stack
from private_inference.terraform.errors import ExportError
from private_inference.terraform.export import export_terraform
from private_inference.terraform.lookup_sources import from_file
from tests.terraform.conftest import Export

VPC = 'vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")\n'
KEPT_KEY = 'aws.kms.Key("data", opts=pulumi.ResourceOptions(protect=True))\n'


def test_references_stay_references(export: Export) -> None:
    made = export(VPC + 'aws.ec2.Subnet("app-eu-west-1a", vpc_id=vpc.id, cidr_block="10.0.0.0/24")')
    assert made.resource("aws_subnet.app_eu_west_1a")["vpc_id"] == "${aws_vpc.network.id}"


def test_references_stay_references_inside_documents(export: Export) -> None:
    made = export(
        VPC
        + 'policy = pulumi.Output.json_dumps({"Resource": vpc.arn, "User": "${aws:username}"})\n'
        + 'aws.iam.Policy("p", policy=policy)'
    )
    assert (
        made.resource("aws_iam_policy.p")["policy"]
        == '{"Resource": "${aws_vpc.network.arn}", "User": "$${aws:username}"}'
    )


def test_the_same_program_gives_the_same_files(export: Export) -> None:
    tags = ", ".join(f'"t{index}": "{index}"' for index in range(20))
    source = VPC + "".join(
        f'aws.ec2.Subnet("s{index}", vpc_id=vpc.id, cidr_block="10.0.{index}.0/24", tags={{{tags}}})\n'
        for index in range(20)
    )
    assert export(source, out="first").files() == export(source, out="second").files()


# Names


def test_a_generated_name_becomes_a_prefix_and_the_successor_comes_first(export: Export) -> None:
    made = export('aws.iam.Role("runner", assume_role_policy="{}")').resource("aws_iam_role.runner")
    assert made["name_prefix"] == "runner-"
    assert made["lifecycle"] == {"create_before_destroy": True}


def test_a_bucket_has_a_prefix_of_its_own(export: Export) -> None:
    assert export('aws.s3.Bucket("artifacts")').resource("aws_s3_bucket.artifacts")["bucket_prefix"] == "artifacts-"


def test_a_long_name_leaves_room_for_the_suffix(export: Export) -> None:
    name = "n" * 60
    prefix = export(f'aws.iam.Role("{name}", assume_role_policy="{{}}")').resource(f"aws_iam_role.{name}")[
        "name_prefix"
    ]
    assert len(prefix) + 26 <= 63


def test_a_load_balancer_takes_a_prefix_of_six_characters(export: Export) -> None:
    made = export('aws.lb.TargetGroup("front-door", port=8443, protocol="HTTPS", vpc_id="vpc-1")')
    assert made.resource("aws_lb_target_group.front_door")["name_prefix"] == "front-"


def test_the_provider_names_what_it_can_name(export: Export) -> None:
    made = export('aws.sagemaker.Model("m", execution_role_arn="r")').resource("aws_sagemaker_model.m")
    assert made.keys().isdisjoint({"name", "name_prefix"})
    assert made["lifecycle"] == {"create_before_destroy": True}


def test_what_is_in_use_has_its_successor_first(export: Export) -> None:
    made = export('aws.apigateway.Deployment("live", rest_api="api")').resource("aws_api_gateway_deployment.live")
    assert made["lifecycle"] == {"create_before_destroy": True}


def test_a_name_that_must_be_given_belongs_to_the_stack(export: Export) -> None:
    source = (
        'aws.cloudwatch.MetricAlarm("a", comparison_operator="GreaterThanThreshold", evaluation_periods=1, '
        'metric_name="m", namespace="n", period=60, statistic="Sum", threshold=1)'
    )
    made = {stack: export(source, stack=stack).resource("aws_cloudwatch_metric_alarm.a") for stack in ("dev", "prod")}
    assert made["dev"]["alarm_name"].startswith("a-")
    assert made["dev"]["alarm_name"] != made["prod"]["alarm_name"]
    assert "lifecycle" not in made["dev"]


def test_a_given_name_is_kept(export: Export) -> None:
    made = export('aws.iam.Role("r", name="known", assume_role_policy="{}")').resource("aws_iam_role.r")
    assert made["name"] == "known"
    assert "lifecycle" not in made


def test_two_resources_of_one_address_are_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"'a-b' and .*'a_b' would both be aws_vpc.a_b|'a_b' and .*'a-b'"):
        export('aws.ec2.Vpc("a-b", cidr_block="10.0.0.0/16")\naws.ec2.Vpc("a_b", cidr_block="10.0.0.0/16")')


# Options


def test_what_pulumi_waits_for_terraform_waits_for(export: Export) -> None:
    made = export(
        VPC
        + 'key = aws.kms.Key("k", opts=pulumi.ResourceOptions(depends_on=[vpc]))\n'
        + 'aws.kms.Alias("a", target_key_id=key.key_id, opts=pulumi.ResourceOptions(depends_on=[key, vpc]))'
    )
    assert made.resource("aws_kms_key.k")["depends_on"] == ["aws_vpc.network"]
    assert "depends_on" not in made.resource("aws_kms_alias.a")


def test_options_of_the_program_are_kept(export: Export) -> None:
    made = export(
        'aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(ignore_changes=["enableDnsSupport"]))\n'
        'aws.iam.Role("r", assume_role_policy="{}", opts=pulumi.ResourceOptions(delete_before_replace=True))\n'
        'aws.ec2.Subnet("s", vpc_id="v", opts=pulumi.ResourceOptions('
        'custom_timeouts=pulumi.CustomTimeouts(delete="60m")))'
    )
    assert made.resource("aws_vpc.v")["lifecycle"] == {"ignore_changes": ["enable_dns_support"]}
    assert "lifecycle" not in made.resource("aws_iam_role.r")
    assert made.resource("aws_subnet.s")["timeouts"] == {"delete": "60m"}


@pytest.mark.parametrize("option", ["protect", "retain_on_delete"])
def test_what_must_not_be_lost_is_guarded(export: Export, option: str) -> None:
    made = export(f'aws.kms.Key("data", opts=pulumi.ResourceOptions({option}=True))')
    assert made.resource("aws_kms_key.data")["lifecycle"] == {"prevent_destroy": True}
    readme = made.files()["README.md"].decode()
    assert ("terraform state rm aws_kms_key.data" in readme) == (option == "retain_on_delete")


def test_what_was_guarded_and_is_gone_stays_for_one_export_more_and_is_then_forgotten(export: Export) -> None:
    """Not at once: what refers to it may go after a change that waits until Terraform forgot it."""
    first = export(KEPT_KEY + VPC).resource("aws_kms_key.data")
    second = export("")
    assert second.resource("aws_kms_key.data")["lifecycle"] == first["lifecycle"]
    assert "removed" not in second.document("main.tf.json")
    assert "aws_kms_key.data" in second.files()["README.md"].decode()
    for _ in range(2):  # and stays forgotten in the export after
        made = export("").document("main.tf.json")
        assert made["removed"] == [{"from": "aws_kms_key.data", "lifecycle": {"destroy": False}}]
        assert not made["resource"]
    assert "removed" not in export(KEPT_KEY).document("main.tf.json")


def test_what_refers_to_nothing_that_is_left_is_forgotten_at_once(export: Export) -> None:
    """A declaration must resolve: what it refers to is gone."""
    protected = "opts=pulumi.ResourceOptions(protect=True)"
    export(VPC + f'group = aws.ec2.SecurityGroup("model", vpc_id=vpc.id, {protected})')
    made = export(KEPT_KEY).document("main.tf.json")
    assert made["removed"] == [{"from": "aws_security_group.model", "lifecycle": {"destroy": False}}]
    assert "aws_security_group" not in made["resource"]


def test_an_object_that_stays_in_its_bucket_stays_declared(export: Export) -> None:
    """To forget it would make Terraform's plan a circle, with what reads the new object before the old may go."""

    def stored(name: str) -> str:
        options = "pulumi.ResourceOptions(retain_on_delete=True)"
        file = 'pulumi.FileAsset("__main__.py")'
        return f'aws.s3.BucketObjectv2("{name}", bucket="b", key="{name}", source={file}, opts={options})\n'

    first = export(stored("old")).resource("aws_s3_object.old")
    made = export(stored("new"))
    assert made.resource("aws_s3_object.old") == first
    assert made.resource("aws_s3_object.new")["key"] == "new"
    assert "removed" not in made.document("main.tf.json")


def test_an_object_that_need_not_stay_goes(export: Export) -> None:
    export('aws.s3.BucketObjectv2("old", bucket="b", key="old", content="x")')
    made = export('aws.s3.BucketObjectv2("new", bucket="b", key="new", content="x")').document("main.tf.json")
    assert made["resource"]["aws_s3_object"].keys() == {"new"}
    assert "removed" not in made


ROLE = """
role = aws.iam.Role("serving", assume_role_policy="{}")
removes_interfaces = '{"Statement": [{"Action": "ec2:DeleteNetworkInterface"}]}'
cleanup = aws.iam.RolePolicy("cleanup", role=role.id, policy=removes_interfaces)
aws.iam.RolePolicy("reading", role=role.id, policy='{"Statement": [{"Action": "s3:GetObject"}]}')
aws.sagemaker.Model("triage", execution_role_arn=role.arn)
"""
GROUP = 'aws.ec2.SecurityGroup("model", opts=pulumi.ResourceOptions(depends_on=other))\n'


def test_the_role_of_a_removed_model_stays_for_one_export_more(export: Export) -> None:
    """SageMaker removes the model's network interfaces with it, minutes later; until then they block the group."""
    first = export(ROLE + GROUP.replace("other", "cleanup"))
    for kind, label in (("aws_iam_role", "serving"), ("aws_iam_role_policy", "cleanup")):
        assert label in first.document("main.tf.json")["resource"][kind]
    second = export(GROUP.replace("other", "[]"))
    declared = second.document("main.tf.json")["resource"]
    assert (declared["aws_iam_role"].keys(), declared["aws_iam_role_policy"].keys()) == ({"serving"}, {"cleanup"})
    assert second.resource("aws_security_group.model")["depends_on"] == ["aws_iam_role_policy.cleanup"]
    assert "aws_iam_role.serving" in second.files()["README.md"].decode()
    assert export(GROUP.replace("other", "[]")).document("main.tf.json")["resource"].keys() == {"aws_security_group"}


# Secrets


def test_a_secret_becomes_a_sensitive_variable(export: Export) -> None:
    made = export(
        'aws.ssm.Parameter("p", name="n", type="SecureString", value=pulumi.Output.secret("hush-hush"))\n'
        'pulumi.export("token", pulumi.Output.secret("hush-hush"))'
    )
    assert made.resource("aws_ssm_parameter.p")["value"] == "${var.p_value}"
    assert made.document("outputs.tf.json")["output"]["token"] == {"sensitive": True, "value": "${var.output_token}"}
    variables = made.document("variables.tf.json")["variable"]
    assert {name: variable["sensitive"] for name, variable in variables.items()} == {
        "p_value": True,
        "output_token": True,
    }
    assert all("default" not in variable for variable in variables.values())
    assert not [name for name, content in made.files().items() if b"hush-hush" in content]


def test_a_secret_woven_into_text_is_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"'p'\.value: a secret is woven into a text") as refused:
        export(VPC + 'aws.ssm.Parameter("p", type="String", value=pulumi.Output.concat("hush-hush", vpc.id))')
    assert "hush-hush" not in str(refused.value)


# Provider


PROVIDER = 'own = aws.Provider("own", region="eu-west-1", default_tags={"tags": {"Owner": "me"}})\n'


def test_the_provider_has_its_default_tags(export: Export) -> None:
    provider = export(PROVIDER + 'aws.kms.Key("k", opts=pulumi.ResourceOptions(provider=own))').document(
        "providers.tf.json"
    )["provider"]["aws"]
    assert provider["region"] == "eu-west-1"
    assert provider["default_tags"] == [{"tags": {"Owner": "me"}}]


def test_a_resource_beside_the_own_provider_is_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"aws:kms/key:Key 'k' has the default provider"):
        export(PROVIDER + 'aws.kms.Key("k")')


def test_the_providers_region_need_not_be_repeated(export: Export) -> None:
    assert "region" not in export('aws.kms.Key("k", region="eu-west-1")').resource("aws_kms_key.k")


def test_several_regions_are_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"several regions \(eu-north-1, eu-west-1\)"):
        export('aws.kms.Key("k", region="eu-north-1")')


# Files


def test_a_local_file_goes_along_with_its_hash(export: Export) -> None:
    source = 'aws.s3.BucketObjectv2("o", bucket="b", key="k", source=pulumi.FileAsset("__main__.py"))'
    made = export(source)
    body = made.resource("aws_s3_object.o")
    assert body["source"] == "${path.module}/files/o/__main__.py"
    assert body["source_hash"] == '${filesha256("${path.module}/files/o/__main__.py")}'
    assert source.encode() in made.files()["files/o/__main__.py"]


def test_an_archive_is_the_same_each_time(export: Export) -> None:
    source = (
        'code = pulumi.AssetArchive({"b.py": pulumi.StringAsset("b"), "a/a.py": pulumi.FileAsset("__main__.py")})\n'
        'aws.lambda_.Function("f", role="r", handler="b.h", runtime="python3.13", code=code)'
    )
    made = [export(source, out=out) for out in ("first", "second")]
    digests = {hashlib.sha256(exported.files()["files/f/archive.zip"]).hexdigest() for exported in made}
    assert len(digests) == 1
    assert made[0].resource("aws_lambda_function.f")["filename"] == "${path.module}/files/f/archive.zip"
    with zipfile.ZipFile(made[0].out / "files/f/archive.zip") as archive:
        assert archive.namelist() == ["a/a.py", "b.py"]
        assert archive.read("b.py") == b"b"


def test_a_file_from_elsewhere_is_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"'o'\.source: a RemoteAsset is not on this machine"):
        export('aws.s3.BucketObjectv2("o", bucket="b", key="k", source=pulumi.RemoteAsset("https://example.com/x"))')


# DataSources


def test_text_from_a_lookup_is_a_reference(export: Export) -> None:
    made = export('pulumi.export("account", aws.get_caller_identity().account_id)')
    output = made.document("outputs.tf.json")["output"]["account"]
    assert output == {"value": "${data.aws_caller_identity.current.account_id}"}
    assert made.data("aws_caller_identity.current") == {}


def test_the_region_is_one_that_both_providers_know(export: Export) -> None:
    made = export('pulumi.export("region", aws.get_region().name)')
    assert made.document("outputs.tf.json")["output"]["region"]["value"] == "${data.aws_region.current.id}"


def test_what_shapes_the_stack_is_checked_against_the_account(export: Export) -> None:
    made = export(
        'zones = aws.get_availability_zones(state="available").names\n'
        'facts = aws.ec2.get_instance_type(instance_type="m5.large")\n'
        'pulumi.export("zones", zones)\npulumi.export("half", facts.default_vcpus / 2)'
    )
    outputs = made.document("outputs.tf.json")["output"]
    assert outputs["zones"]["value"] == ["eu-west-1b", "eu-west-1a"]
    assert outputs["half"]["value"] == 1
    (condition,) = made.data("aws_availability_zones.available")["lifecycle"]["postcondition"]
    assert condition["condition"] == '${join(" ", sort(self.names)) == "eu-west-1a eu-west-1b"}'
    conditions = made.data("aws_ec2_instance_type.m5_large")["lifecycle"]["postcondition"]
    assert [item["condition"] for item in conditions] == [
        "${self.default_vcpus == 2}",
        "${coalesce(self.instance_storage_supported, false) == false}",
        "${self.memory_size == 16384}",
    ]


def test_two_lookups_of_instance_type_offerings_have_names_of_their_own(export: Export) -> None:
    made = export(
        'for kind in ("m5.large", "c5.xlarge"):\n'
        '    aws.ec2.get_instance_type_offerings(location_type="availability-zone",'
        ' filters=[{"name": "instance-type", "values": [kind]}])'
    )
    for label in ("m5_large", "c5_xlarge"):
        (condition,) = made.data(f"aws_ec2_instance_type_offerings.{label}")["lifecycle"]["postcondition"]
        assert condition["condition"] == '${join(" ", sort(self.locations)) == "eu-west-1a eu-west-1b"}'


def test_what_the_stack_has_already_is_no_condition_on_the_account(export: Export, tmp_path: Path) -> None:
    """The first plan finds nothing, every later one what the first has made."""
    own = '{"Project": "p", "Stack": "s"}'
    made = export(
        f"found = aws.ec2.get_subnets(tags={own}).ids\n"
        f'pulumi.export("zones", [aws.ec2.get_subnet(id=each, tags={own}).availability_zone for each in found])'
    )
    assert made.document("outputs.tf.json")["output"]["zones"]["value"] == ["eu-west-1b"]
    assert not [path for path in made.files() if b"aws_subnet" in made.files()[path]]
    again = tmp_path / "again"
    export_terraform(load_stack(tmp_path / "project", "test"), again, from_file(made.out / "lookups.json"))
    assert (again / "outputs.tf.json").read_bytes() == (made.out / "outputs.tf.json").read_bytes()


def test_the_answers_can_be_given_again(export: Export, tmp_path: Path) -> None:
    source = 'pulumi.export("zones", aws.get_availability_zones(state="available").names)'
    first = export(source)
    again = tmp_path / "again"
    export_terraform(load_stack(tmp_path / "project", "test"), again, from_file(first.out / "lookups.json"))
    assert (again / "main.tf.json").read_bytes() == (first.out / "main.tf.json").read_bytes()


def test_a_lookup_may_ask_about_the_answer_to_another(export: Export, tmp_path: Path) -> None:
    """What was asked must be in lookups.json, for the answers to be found again; the account's number need not be."""
    source = (
        "region, account = aws.get_region().name, aws.get_caller_identity().account_id\n"
        'zones = aws.get_availability_zones(filters=[{"name": "region-name", "values": [region]}]).names\n'
        'pulumi.export("all", [account, *zones])'
    )
    first = export(source)
    (filtered,) = first.data("aws_availability_zones.current")["filter"]
    assert filtered["values"] == ["${data.aws_region.current.id}"]
    assert b"123456789012" not in first.files()["lookups.json"]
    again = tmp_path / "again"
    export_terraform(load_stack(tmp_path / "project", "test"), again, from_file(first.out / "lookups.json"))
    assert (again / "main.tf.json").read_bytes() == (first.out / "main.tf.json").read_bytes()


def test_a_question_without_a_recorded_answer_is_refused(export: Export, tmp_path: Path) -> None:
    first = export('aws.get_availability_zones(state="available")')
    export('aws.get_availability_zones(state="available")\naws.get_caller_identity()')
    answers = tmp_path / "old.json"
    answers.write_text("[]")
    with pytest.raises(ExportError, match=r"old.json has no answer to aws:index/get"):
        export_terraform(load_stack(tmp_path / "project", "test"), first.out, from_file(answers))


@pytest.mark.parametrize("content", ["", "{}", '[{"token": "t"}]', "[1]"])
def test_a_file_that_holds_no_answers_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lookups.json"
    path.write_text(content)
    with pytest.raises(ExportError, match=r"lookups.json is not a lookups.json of an export"):
        from_file(path)


def test_a_lookup_of_something_not_yet_made_is_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"needs aws_vpc.network.id, which is known only when Terraform applies"):
        export(VPC + "vpc.id.apply(lambda id: aws.ec2.get_instance_type(instance_type=id))")


def test_an_unknown_lookup_names_the_command_that_adds_it(export: Export) -> None:
    with pytest.raises(ExportError, match=r"private_inference.terraform.refresh aws:index/getBillingServiceAccount"):
        export("aws.get_billing_service_account()")


# Components, outputs, errors


def test_a_remote_component_is_written_as_what_it_contains(export: Export) -> None:
    made = export(
        "import pulumi_awsx as awsx\n"
        'images = awsx.ecr.Repository("Images", image_tag_mutability="IMMUTABLE")\n'
        'pulumi.export("url", images.url)\n'
        'pulumi.export("arn", images.repository.apply(lambda repository: repository.arn))'
    )
    assert made.resource("aws_ecr_repository.images")["image_tag_mutability"] == "IMMUTABLE"
    assert made.resource("aws_ecr_lifecycle_policy.images")["repository"] == "${aws_ecr_repository.images.name}"
    values = {name: output["value"] for name, output in made.document("outputs.tf.json")["output"].items()}
    assert values == {"url": "${aws_ecr_repository.images.repository_url}", "arn": "${aws_ecr_repository.images.arn}"}


def test_an_image_that_docker_builds_is_refused_with_the_remedy(export: Export) -> None:
    with pytest.raises(ExportError, match=r"'serving' is built with Docker.* by repositoryTag, or by uri"):
        export('import pulumi_docker_build as docker\ndocker.Image("serving", tags=["t"], push=True)')


def test_outputs_keep_their_shape(export: Export) -> None:
    made = export(
        'endpoint = aws.ec2.VpcEndpoint("e", vpc_id="v", service_name="s", subnet_ids=["a", "b"])\n'
        'pulumi.export("endpoint", {"dns": endpoint.dns_entries[0].dns_name, "subnets": endpoint.subnet_ids, '
        '"interfaces": endpoint.network_interface_ids, "port": 443.0})'
    )
    assert made.document("outputs.tf.json")["output"]["endpoint"]["value"] == {
        "dns": "${aws_vpc_endpoint.e.dns_entry[0].dns_name}",
        "subnets": ["a", "b"],
        "interfaces": "${aws_vpc_endpoint.e.network_interface_ids}",
        "port": 443,
    }


def test_what_aws_chooses_in_each_of_several_blocks_is_referred_to(export: Export) -> None:
    made = export(
        'names = aws.route53.ResolverEndpoint("n", direction="INBOUND", name="n", security_group_ids=["sg-1"], '
        'ip_addresses=[{"subnet_id": "a"}, {"subnet_id": "b"}])\n'
        'pulumi.export("addresses", names.ip_addresses.apply(lambda found: [each.ip for each in found]))'
    )
    assert made.document("outputs.tf.json")["output"]["addresses"]["value"] == [
        "${tolist(aws_route53_resolver_endpoint.n.ip_address)[0].ip}",
        "${tolist(aws_route53_resolver_endpoint.n.ip_address)[1].ip}",
    ]


def test_all_problems_are_told_at_once_and_nothing_is_written(export: Export) -> None:
    made = export(VPC)
    before = made.files()
    with pytest.raises(ExportError) as refused:
        export(
            VPC
            + 'aws.ec2.Subnet("cut", vpc_id=vpc.id.apply(lambda id: id[:9]))\n'
            + 'aws.cloudwatch.LogGroup("new", deletion_protection_enabled=True)'
        )
    assert "aws:ec2/subnet:Subnet 'cut'.vpcId" in str(refused.value)
    assert "aws:cloudwatch/logGroup:LogGroup 'new'.deletionProtectionEnabled" in str(refused.value)
    assert made.files() == before


def test_an_unknown_type_names_the_command_that_adds_it(export: Export) -> None:
    with pytest.raises(ExportError, match=r"private_inference.terraform.refresh aws:dynamodb/table:Table"):
        export('aws.dynamodb.Table("t", hash_key="k", attributes=[{"name": "k", "type": "S"}])')


def test_reading_an_existing_resource_is_refused(export: Export) -> None:
    with pytest.raises(ExportError, match=r"aws:ec2/vpc:Vpc 'old' is read, not created"):
        export('aws.ec2.Vpc.get("old", "vpc-1")')
