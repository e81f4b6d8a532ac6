<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips" labelsEnabled="1">
 <renderer-v2 type="graduatedSymbol" attr="coalesce(clamp(0, &quot;score&quot;, 1), 0)" graduatedMethod="GraduatedColor" symbollevels="0" enableorderby="0" forceraster="0" referencescale="-1">
  <ranges>
   <range lower="0" upper="0.6" symbol="0" label="score below 0.6" render="true"/>
   <range lower="0.6" upper="0.75" symbol="1" label="0.6 to 0.75" render="true"/>
   <range lower="0.75" upper="0.9" symbol="2" label="0.75 to 0.9" render="true"/>
   <range lower="0.9" upper="1" symbol="3" label="0.9 and above" render="true"/>
  </ranges>
  <symbols>
   <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="CentroidFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="point_on_all_parts" value="0"/>
      <Option type="QString" name="point_on_surface" value="0"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
     <symbol type="marker" name="@0@0" alpha="1" clip_to_extent="1" force_rhr="0">
     <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
      <Option type="Map">
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="color" value="177,42,144,255"/>
       <Option type="QString" name="outline_style" value="no"/>
       <Option type="QString" name="size" value="0.7"/>
       <Option type="QString" name="size_unit" value="MM"/>
      </Option>
     </layer>
     </symbol>
    </layer>
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="color" value="177,42,144,170"/>
      <Option type="QString" name="style" value="solid"/>
      <Option type="QString" name="outline_color" value="177,42,144,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.2"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="joinstyle" value="miter"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 2500 and @map_scale &lt;= 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="0,0,0,140"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.9"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="177,42,144,255"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.45"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="CentroidFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="point_on_all_parts" value="0"/>
      <Option type="QString" name="point_on_surface" value="0"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
     <symbol type="marker" name="@1@0" alpha="1" clip_to_extent="1" force_rhr="0">
     <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
      <Option type="Map">
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="color" value="225,100,98,255"/>
       <Option type="QString" name="outline_style" value="no"/>
       <Option type="QString" name="size" value="0.7"/>
       <Option type="QString" name="size_unit" value="MM"/>
      </Option>
     </layer>
     </symbol>
    </layer>
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="color" value="225,100,98,170"/>
      <Option type="QString" name="style" value="solid"/>
      <Option type="QString" name="outline_color" value="225,100,98,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.2"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="joinstyle" value="miter"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 2500 and @map_scale &lt;= 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="0,0,0,140"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.9"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="225,100,98,255"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.45"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="CentroidFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="point_on_all_parts" value="0"/>
      <Option type="QString" name="point_on_surface" value="0"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
     <symbol type="marker" name="@2@0" alpha="1" clip_to_extent="1" force_rhr="0">
     <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
      <Option type="Map">
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="color" value="252,166,54,255"/>
       <Option type="QString" name="outline_style" value="no"/>
       <Option type="QString" name="size" value="0.7"/>
       <Option type="QString" name="size_unit" value="MM"/>
      </Option>
     </layer>
     </symbol>
    </layer>
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="color" value="252,166,54,170"/>
      <Option type="QString" name="style" value="solid"/>
      <Option type="QString" name="outline_color" value="252,166,54,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.2"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="joinstyle" value="miter"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 2500 and @map_scale &lt;= 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="0,0,0,140"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.9"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="252,166,54,255"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.45"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="CentroidFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="point_on_all_parts" value="0"/>
      <Option type="QString" name="point_on_surface" value="0"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
     <symbol type="marker" name="@3@0" alpha="1" clip_to_extent="1" force_rhr="0">
     <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
      <Option type="Map">
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="color" value="244,237,39,255"/>
       <Option type="QString" name="outline_style" value="no"/>
       <Option type="QString" name="size" value="0.7"/>
       <Option type="QString" name="size_unit" value="MM"/>
      </Option>
     </layer>
     </symbol>
    </layer>
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="color" value="244,237,39,170"/>
      <Option type="QString" name="style" value="solid"/>
      <Option type="QString" name="outline_color" value="244,237,39,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.2"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
      <Option type="QString" name="joinstyle" value="miter"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &gt; 2500 and @map_scale &lt;= 10000"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="0,0,0,140"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.9"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="244,237,39,255"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="0.45"/>
      <Option type="QString" name="joinstyle" value="miter"/>
      <Option type="QString" name="capstyle" value="flat"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="enabled">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(@map_scale, 0) &lt;= 2500"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <labeling type="simple">
  <settings calloutType="simple">
   <text-style fieldName="format_number(&quot;score&quot;, 2)" isExpression="1" fontSize="8" fontWeight="75" fontSizeUnit="Point" textColor="255,255,255,255" textOpacity="1">
    <text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferColor="0,0,0,255" bufferOpacity="0.7"/>
   </text-style>
   <placement placement="8" dist="0.5" distUnits="MM" priority="5"/>
   <rendering drawLabels="1" scaleVisibility="1" scaleMin="1" scaleMax="400" displayAll="0" obstacle="1"/>
  </settings>
 </labeling>
 <blendMode>0</blendMode>
 <featureBlendMode>0</featureBlendMode>
 <layerOpacity>1</layerOpacity>
 <previewExpression>concat(&quot;label&quot;, ' ', &quot;id&quot;)</previewExpression>
 <mapTip>&lt;b&gt;[% concat(&quot;label&quot;, ' ', &quot;id&quot;) %]&lt;/b&gt;&lt;table&gt;&lt;tr&gt;&lt;td&gt;score&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% format_number(&quot;score&quot;, 2) %]&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;length&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% coalesce(format_number(&quot;length_m&quot;, 2) || ' m', 'unknown') %]&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;width&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% coalesce(format_number(&quot;width_m&quot;, 2) || ' m', 'unknown') %]&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;area&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% coalesce(format_number(&quot;area_m2&quot;, 1) || ' m²', 'unknown') %]&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;azimuth&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% coalesce(format_number(&quot;azimuth_deg&quot;, 0) || ' °', 'unknown') %]&lt;/td&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;source&amp;nbsp;&lt;/td&gt;&lt;td&gt;[% &quot;source&quot; %]&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</mapTip>
 <layerGeometryType>2</layerGeometryType>
</qgis>
